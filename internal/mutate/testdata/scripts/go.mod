module scripts

go 1.22
