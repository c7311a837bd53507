"""What accepted answers become, and how it is taken back: many at once, since one press decides dozens."""
