package dahdi

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// digests are the SHA-256 of what libtonezone 3.4.0 (Debian's libtonezone2.0,
// 1:3.4.0-1) hands to the driver's DAHDI_LOADZONE, header and elements, caught
// by a program that has its own ioctl function and calls
// tone_zone_register_zone for each country. So our zones are its zones, to the bit.
var digests = map[string]string{
	"br": "1c47b20fe1c4dc0fffbc54e6796468b0b334280396ed2bc30ca3081e2e358d25",
	"cn": "9d80db258e3f41dc55d0686516317fc0937df905dd2b36dca87d920f8d0fe123",
	"de": "1723cdd1fd6b7da9192ba95a6705dd9523b790b8ddc8d0f1020292875ff2e630",
	"es": "05fa847e41819d83d5aed753cf54406a358a5633800a70227cb5db1790d82a39",
	"fr": "4fb02ff860f44001c7712e0b097fc76e0e8bcd7e5969ff41e4063ee8259f33b2",
	"gb": "8fc54da1fea16949205736f3ec58571eaa873858578d5c7caaeae9b2ae0ad28d",
	"in": "cff0ce9f9861bcaa62e1f197744212792277233e88c2c53d8b6982d276516677",
	"it": "ed9add33048a8369261bb68bd96c8acd608628d4e98beb7fb575a03d891a8954",
	"jp": "ee9ba1ebb306e8c7e9a4cdc219ac663bba87fc87b79f942131ce5c7218ddcc97",
	"mx": "bc7f93d66e51343dbf882eb685e99b2d38210f100a43aedab1b3dbb562547f94",
	"nl": "acb1bffc5c8580db300752886c3956d1bc9f60c4116e2cfe25eaa67cf5fc9ffc",
	"ru": "d93a236cfdb7b27731cf2eec04a90adfba62df77a25b7f6a3e25ba64acc906df",
	"sg": "55deefa5c9900495eccf98d627a07f8a92a83b712944a825bd21cbf8c4c62f70",
	"tw": "86b91aa9214349f8669480cab67f56570250d77fbef1c545b72101c0102808ec",
	"us": "cfa0f8960c8d940956612e23aa65506e8ec0974fed7f8cb10856ffbffb879cac",
}

// blob lays a zone out as the driver wants it (native integers of 32 bits).
func blob(t *testing.T, z Zone) []byte {
	t.Helper()
	defs, err := z.Definitions()
	if err != nil {
		t.Fatal(err)
	}
	cadence, err := z.Cadence()
	if err != nil {
		t.Fatal(err)
	}
	var name [40]byte
	copy(name[:], z.Name)
	var out []byte
	for _, v := range []any{int32(len(defs)), int32(z.Number), cadence, name, defs} {
		if out, err = binary.Append(out, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestZonesAreLibtonezones(t *testing.T) {
	if len(digests) != len(Countries()) {
		t.Errorf("%d digests for %d zones", len(digests), len(Countries()))
	}
	for _, c := range Countries() {
		z, err := ZoneFor(c)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(blob(t, z))
		if got := hex.EncodeToString(sum[:]); got != digests[c] {
			t.Errorf("zone %s: %s; want %s", c, got, digests[c])
		}
	}
}

func TestZoneFor(t *testing.T) {
	for in, want := range map[string]string{"cn": "cn", "CN": "cn", "uk": "gb", "ca": "us", "GB": "gb"} {
		if z, err := ZoneFor(in); err != nil || z.Country != want {
			t.Errorf("ZoneFor(%q) = %s, %v; want %s", in, z.Country, err, want)
		}
	}
	if _, err := ZoneFor("xx"); err == nil || !strings.Contains(err.Error(), "cn") {
		t.Errorf("ZoneFor(xx): %v; want an error that names those there are", err)
	}
	numbers := map[int]string{}
	for _, z := range zones() {
		if numbers[z.Number] != "" {
			t.Errorf("%s and %s have the same number", numbers[z.Number], z.Country)
		}
		numbers[z.Number] = z.Country
		for _, id := range []ToneID{ToneDial, ToneBusy, ToneRing, ToneCongestion} {
			if !slices.ContainsFunc(z.Tones, func(s ToneSpec) bool { return s.ID == id }) {
				t.Errorf("%s has no tone %d", z.Country, id)
			}
		}
	}
}

func TestToneNotation(t *testing.T) {
	for _, bad := range []string{"", "450/", "450/0", "450/-1", "450/x", "4000", "-1", "x", "1+", "+1", "1*x", "450,,0", "!450/100", "!450/100,!0/100", "1e2", " 450"} {
		if _, err := buildTone(ToneSpec{ToneBusy, bad}, 0); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	defs, err := buildTone(ToneSpec{ToneInfo, "!950/330,450/100,0/200"}, 7)
	if err != nil {
		t.Fatal(err)
	}
	var next, samples []int32
	for _, d := range defs {
		next, samples = append(next, d.Next), append(samples, d.Samples)
	}
	if !slices.Equal(next, []int32{8, 9, 8}) || !slices.Equal(samples, []int32{2640, 800, 1600}) {
		t.Errorf("next %v, samples %v; want [8 9 8], [2640 800 1600]", next, samples)
	}
	big := Zone{Country: "xx", Tones: []ToneSpec{{ToneDial, strings.Repeat("450/10,", 100) + "0"}}}
	if _, err := big.Definitions(); err == nil {
		t.Error("a zone of more elements than the driver takes was accepted")
	}
	if _, err := (Zone{RingCadence: make([]int, 17)}).Cadence(); err == nil {
		t.Error("a cadence of 17 times was accepted")
	}
}

// TestElementsStayInZone: whatever the notation, the driver never gets an index
// beyond the elements.
func TestElementsStayInZone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := rapid.StringMatching(`(!?[0-9]{1,4}([+*][0-9]{1,4})?(/[0-9]{1,5})?,?){1,6}`).Draw(t, "spec")
		defs, err := Zone{Tones: []ToneSpec{{ToneDial, "440"}, {ToneBusy, spec}}}.Definitions()
		if err != nil {
			return
		}
		for i, d := range defs {
			if d.Next < 0 || int(d.Next) >= len(defs) || d.Samples < 0 {
				t.Fatalf("%q: element %d: next %d of %d, %d samples", spec, i, d.Next, len(defs), d.Samples)
			}
		}
	})
}
