"""One-to-one matching to a certified optimum by column generation; arrays in, arrays out."""
