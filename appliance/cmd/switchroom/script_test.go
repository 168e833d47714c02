package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestSite plays the commands for the site document on a box that is a folder,
// without an Asterisk.
func TestSite(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/site",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			for _, dir := range []string{"/data/config", "/run/switchroom/site", "/etc/asterisk", "/usr/share/zoneinfo/Asia", "/usr/share/zoneinfo/Etc"} {
				if err := os.MkdirAll(e.WorkDir+dir, 0o755); err != nil {
					return err
				}
			}
			for _, zone := range []string{"Asia/Shanghai", "Etc/UTC"} {
				if err := os.WriteFile(e.WorkDir+"/usr/share/zoneinfo/"+zone, []byte(zone), 0o644); err != nil {
					return err
				}
			}
			e.Setenv("SWITCHROOM_ROOT", e.WorkDir)
			e.Setenv("SWITCHROOM_RUN_DIR", e.WorkDir+"/run/switchroom")
			e.Setenv("SWITCHROOM_AMI", "127.0.0.1:1") // where nobody listens
			e.Setenv("USER", "ada")
			e.Setenv("LANG", "C")
			return nil
		},
	})
}
