module example.org/habits

go 1.12
