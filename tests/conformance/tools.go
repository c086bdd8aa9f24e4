//go:build tools

// What ./run builds beside the suite, so that go.mod keeps it.
package conformance

import _ "sigs.k8s.io/gateway-api/conformance/echo-basic"
