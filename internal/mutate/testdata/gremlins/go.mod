module gremlins

go 1.21
