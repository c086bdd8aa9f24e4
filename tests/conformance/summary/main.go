// Command summary prints a conformance report as a table: summary REPORT.yaml README.md
//
// It ends with 1 where a test failed or did not run, or where a feature that a profile knows is
// neither claimed by the class nor listed, with its reason, in README.md.
package main

import (
	"fmt"
	"os"
	"strings"

	confv1 "sigs.k8s.io/gateway-api/conformance/apis/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: summary REPORT.yaml README.md")
		os.Exit(2)
	}
	report, reasons, err := read(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
		os.Exit(1)
	}
	if !summarize(report, reasons) {
		os.Exit(1)
	}
}

func read(reportPath, reasonsPath string) (report confv1.ConformanceReport, reasons string, err error) {
	raw, err := os.ReadFile(reportPath)
	if err != nil {
		return report, "", err
	}
	if err = yaml.UnmarshalStrict(raw, &report); err != nil {
		return report, "", fmt.Errorf("%s: %w", reportPath, err)
	}
	text, err := os.ReadFile(reasonsPath)
	return report, string(text), err
}

// summarize prints a line for each profile and each thing that is wrong, and says whether nothing is.
func summarize(report confv1.ConformanceReport, reasons string) bool {
	well := len(report.ProfileReports) > 0
	wrong := func(format string, of ...any) {
		well = false
		fmt.Printf("  "+format+"\n", of...)
	}
	fmt.Printf("%-14s %9s %9s   Gateway API %s, %s\n", "profile", "core", "extended", report.GatewayAPIVersion, report.GatewayAPIChannel)
	for _, profile := range report.ProfileReports {
		extended := "-"
		if profile.Extended != nil {
			extended = score(profile.Extended.Status)
		}
		fmt.Printf("%-14s %9s %9s\n", profile.Name, score(profile.Core), extended)
		check := func(part string, status confv1.Status) {
			for _, test := range status.FailedTests {
				wrong("failed (%s): %s", part, test)
			}
			for _, test := range status.SkippedTests {
				wrong("not run (%s): %s", part, test)
			}
		}
		check("core", profile.Core)
		if profile.Extended == nil {
			continue
		}
		check("extended", profile.Extended.Status)
		for _, feature := range profile.Extended.UnsupportedFeatures {
			if !strings.Contains(reasons, "`"+feature+"`") {
				wrong("not claimed, and no reason is given: %s", feature)
			}
		}
	}
	return well
}

func score(status confv1.Status) string {
	return fmt.Sprintf("%d/%d", status.Passed, status.Passed+status.Failed+status.Skipped)
}
