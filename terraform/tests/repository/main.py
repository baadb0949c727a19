# Stands in for the checkout: `terraform test` needs only that the files are there.
