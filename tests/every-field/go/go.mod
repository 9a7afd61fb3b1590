module every-field

go 1.24

// The SDK for providers in Go.
require webhook-go v0.0.0

replace webhook-go => ../../../examples/go
