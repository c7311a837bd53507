"""Everything that one machine needs: embedded services, and the processes of the site."""
