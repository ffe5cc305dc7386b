module levels

go 1.21
