package asteriskconf

import (
	"flag"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"switchroom/provisioning"
	"switchroom/provisioning/example"
	"switchroom/provisioning/sitetest"
)

var update = flag.Bool("update", false, "write the golden files anew")

const secret = "top-secret"

// Each golden file begins with what it shows, and holds every file of one
// configuration. They are there to be read in a review: run with -update and
// look at the difference.
func TestGolden(t *testing.T) {
	built := provisioning.Ports{FXS: []int{1, 2, 3}, FXO: []int{5, 6}}
	hotline, err := provisioning.Parse(example.Hotline())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file, about string
		site        provisioning.Site
		ports       provisioning.Ports
	}{
		{"built-in.txtar", "The built-in site: three telephones, two lines.", provisioning.Default(built), built},
		{"hotline.txtar", "The example: a hotline with a menu, a queue and four agents.", hotline, example.Ports()},
		{"sip.txtar", "No card: SIP telephones, trunks, and whatever the others don't have.", everything(t), provisioning.Ports{}},
	} {
		t.Run(c.file, func(t *testing.T) {
			files := Render(c.site, c.ports, Secrets{Manager: secret, CTI: secret, SIP: map[string]string{"1003": secret, "1004": secret},
				Certificate: "/data/tls/box.crt", Key: "/data/tls/box.key"})
			got := &txtar.Archive{Comment: []byte(c.about + "\n\n")}
			for _, name := range slices.Sorted(maps.Keys(files)) {
				got.Files = append(got.Files, txtar.File{Name: name,
					Data: []byte(strings.ReplaceAll(string(files[name]), secret, "(made at boot)"))})
			}
			path := "testdata/" + c.file
			if *update {
				if err := os.WriteFile(path, txtar.Format(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(txtar.Format(want)), string(txtar.Format(got))); diff != "" {
				t.Errorf("(-golden +rendered):\n%s", diff)
			}
		})
	}
}

// card is a card with its first ports for telephones and the others for lines.
func card(fxs, fxo int) (p provisioning.Ports) {
	for n := 1; n <= fxs+fxo; n++ {
		if n <= fxs {
			p.FXS = append(p.FXS, n)
		} else {
			p.FXO = append(p.FXO, n)
		}
	}
	return p
}

// everything is testdata/everything.json.
func everything(t testing.TB) provisioning.Site {
	t.Helper()
	data, err := os.ReadFile("testdata/everything.json")
	if err != nil {
		t.Fatal(err)
	}
	site, err := provisioning.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// A secret that the golden files could hide must be where it belongs and
// nowhere else.
func TestSecretIsInManagerConfOnly(t *testing.T) {
	ports := provisioning.Ports{FXS: []int{1}, FXO: []int{2}}
	for name, data := range Render(provisioning.Default(ports), ports, Secrets{Manager: secret}) {
		if has := strings.Contains(string(data), secret); has != (name == "manager.conf") {
			t.Errorf("%s: holds the secret: %v", name, has)
		}
	}
}

// What stands on ports that are gone is left out everywhere, so that Asterisk
// is told of no channel that it can't open.
func TestMissingPortsAreLeftOut(t *testing.T) {
	full := provisioning.Ports{FXS: []int{1, 2, 3}, FXO: []int{4, 5}}
	left := provisioning.Ports{FXS: []int{2, 3}, FXO: []int{5}}
	site := provisioning.Default(full)
	files := Render(site, left, Secrets{Manager: secret})
	for _, gone := range []string{"channel => 1\n", "channel => 4\n", "DAHDI/1,", "exten = 1001"} {
		for name, data := range files {
			if strings.Contains(string(data), gone) {
				t.Errorf("%s still has %q", name, gone)
			}
		}
	}
	if want := "member => Local/1002@members,0,1002,hint:1002@seats\n"; !strings.Contains(string(files["queues.conf"]), want) {
		t.Errorf("queues.conf has lost %q", want)
	}
	if site.Queues[0].Members[0] != "1001" || len(site.Extensions) != 3 || len(site.Lines) != 2 {
		t.Error("rendering changed the site it was given")
	}
}

// An idle analog port has the state UNKNOWN: a queue that takes it for "gone"
// would send every caller away.
func TestQueueTakesIdleAnalogPortsForPresent(t *testing.T) {
	ports := provisioning.Ports{FXS: []int{1}}
	conf := string(Render(provisioning.Default(ports), ports, Secrets{})["queues.conf"])
	for _, key := range []string{"joinempty", "leavewhenempty"} {
		m := regexp.MustCompile(`(?m)^` + key + ` = (\S+)`).FindStringSubmatch(conf)
		if m == nil {
			t.Fatalf("queues.conf has no %s", key)
		}
		if slices.Contains(strings.Split(m[1], ","), "unknown") {
			t.Errorf("%s = %s", key, m[1])
		}
	}
}

// Codes during a call come with the options of Dial, Queue and Bridge; only
// our telephones may have any. What a caller is given, T and H, may stand
// nowhere but in OURS, which only a telephone of ours has.
func TestOnlyOurTelephonesGetCodes(t *testing.T) {
	for name, site := range map[string]provisioning.Site{"built-in": provisioning.Default(card(2, 2)), "everything": everything(t)} {
		conf := string(Render(site, card(2, 2), Secrets{})["extensions.conf"])
		n := 0
		for l := range strings.Lines(conf) {
			m := regexp.MustCompile(`,(Dial|Queue|Bridge|ConfBridge|RetryDial|Page|FollowMe)\((.*)\)`).FindStringSubmatch(strings.TrimSpace(l))
			if m == nil {
				continue
			}
			n++
			args := strings.Split(m[2], ",")
			at := map[string]int{"Dial": 2, "Queue": 1, "Bridge": 1}[m[1]]
			if at == 0 || at >= len(args) {
				continue
			}
			options := regexp.MustCompile(`\$\{OURS\}|\([^()]*(\([^()]*\))?[^()]*\)`).ReplaceAllString(args[at], "")
			if m[1] == "Queue" && options != "cith" || strings.ContainsAny(options, "THWKX") {
				t.Errorf("%s: the caller is given codes: %s", name, l)
			}
		}
		if n < 5 {
			t.Errorf("%s: %d applications looked at", name, n)
		}
	}
}

// Every country a site may name must be known here in full.
func TestCountriesAreComplete(t *testing.T) {
	element := regexp.MustCompile(`^!?[0-9]+([+*][0-9]+)?(/[0-9]+)?$`)
	for _, code := range provisioning.Countries {
		c, ok := countries[code]
		if !ok {
			t.Errorf("%s: unknown", code)
			continue
		}
		if c.name == "" || c.cidSignalling == "" || c.cidStart == "" || c.tones.ringCadence == "" {
			t.Errorf("%s: incomplete: %+v", code, c)
		}
		for name, tone := range map[string]string{"dial": c.tones.dial, "busy": c.tones.busy, "ring": c.tones.ring,
			"congestion": c.tones.congestion, "info": c.tones.info, "stutter": c.tones.stutter, "callwaiting": c.tones.callWaiting,
			"dialrecall": c.tones.dialRecall, "record": c.tones.record, "unobtainable": c.tones.unobtainable} {
			for e := range strings.SplitSeq(tone, ",") {
				if !element.MatchString(e) {
					t.Errorf("%s: %s: element %q of %q", code, name, e, tone)
				}
			}
		}
		// The detector must be told the cadence that the country's tone has.
		if p := c.busyPattern; p != "" {
			on, offTime, _ := strings.Cut(p, ",")
			if !strings.HasSuffix(c.tones.busy, "/"+on+",0/"+offTime) {
				t.Errorf("%s: busy pattern %s, busy tone %s", code, p, c.tones.busy)
			}
		}
	}
	if len(countries) != len(provisioning.Countries) {
		t.Errorf("%d countries here, %d in a site", len(countries), len(provisioning.Countries))
	}
}

// The largest site that is promised: 300 extensions, 300 agents, 20 queues.
// The goal is 50 ms.
func BenchmarkRender(b *testing.B) {
	site := sitetest.Large(300, 300, 20)
	for b.Loop() {
		Render(site, provisioning.Ports{}, Secrets{Manager: secret})
	}
}

// A gain holds for the channels below it, so every channel needs its own.
func TestGainsOfPorts(t *testing.T) {
	ports := provisioning.Ports{FXS: []int{1, 2}, FXO: []int{3}}
	site := provisioning.Default(ports)
	if conf := string(Render(site, ports, Secrets{})["chan_dahdi.conf"]); strings.Contains(conf, "xgain") {
		t.Errorf("gains that nobody asked for:\n%s", conf)
	}
	site.Ports = []provisioning.Port{{Port: 2, Use: "auto", GainIn: -3, GainOut: 1.5}}
	conf := string(Render(site, ports, Secrets{})["chan_dahdi.conf"])
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^(?:(rxgain|txgain) = (\S+)|(channel) => (\d+))`).FindAllStringSubmatch(conf, -1) {
		got = append(got, m[1]+m[3]+" "+m[2]+m[4])
	}
	want := []string{"rxgain 0", "txgain 0", "channel 1", "rxgain -3", "txgain 1.5", "channel 2", "rxgain 0", "txgain 0", "channel 3"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMusicIsWhereUploadsAre: a file keeps its whole name, and the ending that
// Asterisk adds is the stored form's.
func TestMusicIsWhereUploadsAre(t *testing.T) {
	site := provisioning.Default(provisioning.Ports{})
	site.Music = []provisioning.Music{{Name: "hold", Files: []string{"waltz.mp3"}}}
	conf := string(Render(site, provisioning.Ports{}, Secrets{})["musiconhold.conf"])
	if !strings.Contains(conf, "\nentry = /data/prompts/uploads/waltz.mp3 ") {
		t.Errorf("the music is elsewhere:\n%s", conf)
	}
}
