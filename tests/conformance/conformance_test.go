// Package conformance runs the Gateway API project's own conformance suite, of the version in
// go.mod, against the cluster of KUBECONFIG. ./run starts it.
package conformance

import (
	"testing"

	"sigs.k8s.io/gateway-api/conformance"
)

func TestConformance(t *testing.T) { conformance.RunConformance(t) }
