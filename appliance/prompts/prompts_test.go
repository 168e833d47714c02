package prompts

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"switchroom/image/prompts/pcm"
	"switchroom/provisioning"
)

// TestMain lets the test be the confined child, and the decoder that it becomes.
func TestMain(m *testing.M) {
	if os.Args[0] == ChildName {
		os.Exit(Child(os.Args[1:]))
	}
	if len(os.Args) > 2 && os.Args[1] == "decoder" {
		os.Exit(decoder(os.Args[2]))
	}
	goleak.VerifyTestMain(m)
}

// decoder stands for lame and eSpeak NG where those are not at hand: it writes a tone, or misbehaves.
func decoder(how string) int {
	in, err := io.ReadAll(os.Stdin)
	if err != nil {
		return 3
	}
	tone := pcm.WAV(44100, samples(44100, 1, 0.2, 1000))
	binary.LittleEndian.PutUint32(tone[40:], 0x7fffffff) // as lame does
	switch how {
	case "good":
		if len(in) == 0 {
			return 4
		}
		_, err = os.Stdout.Write(tone)
	case "fail":
		_, err = os.Stdout.Write(tone[:30000])
		fmt.Fprintln(os.Stderr, "lost synchronisation")
		if err == nil {
			return 1
		}
	case "nothing":
	case "garbage":
		_, err = os.Stdout.Write(bytes.Repeat([]byte("no WAV "), 1000))
	case "crash":
		panic("taken over")
	case "flood":
		_, err = os.Stdout.Write(tone)
		for err == nil {
			_, err = os.Stdout.Write(make([]byte, 1<<20))
		}
	case "hang":
		time.Sleep(time.Hour)
	case "burn":
		for x := 1; ; x++ {
			if x == 0 {
				return 3
			}
		}
	}
	if err != nil {
		return 2
	}
	return 0
}

// samples are a tone.
func samples(rate int, length, amplitude float64, hz ...float64) []int16 {
	out := make([]int16, int(float64(rate)*length))
	for i := range out {
		v := 0.0
		for _, f := range hz {
			v += amplitude * math.Sin(2*math.Pi*f*float64(i)/float64(rate))
		}
		out[i] = int16(max(-32768, min(32767, math.Round(v*32767))))
	}
	return out
}

func open(t *testing.T, decoder string, change ...func(*Limits)) *Store {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l := DefaultLimits
	l.Seconds = 20
	for _, c := range change {
		c(&l)
	}
	s, err := Open(Config{Dir: t.TempDir(), Limits: l, Tools: Tools{
		Lame: []string{self, "decoder", decoder}, Espeak: []string{self, "decoder", decoder}, Readable: []string{filepath.Dir(self), "/usr"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// stored reads back what a store wrote, as any program would.
func stored(t *testing.T, file string) *pcm.Sound {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(binary.LittleEndian.Uint16(b[20:]), binary.LittleEndian.Uint16(b[22:]), binary.LittleEndian.Uint32(b[24:]), binary.LittleEndian.Uint16(b[34:])); got != "1 1 8000 16" {
		t.Errorf("%s: form, channels, rate, bits are %s; want PCM, one channel of 8000 samples, 16 bits", file, got)
	}
	s, err := pcm.ParseWAV(b, pcm.Limits{Seconds: 1000, Channels: 1})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// strength is a tone's amplitude in the middle of a sound.
func strength(s *pcm.Sound, hz float64) float64 {
	from, to := len(s.Samples)/8, len(s.Samples)*7/8
	re, im, weight := 0.0, 0.0, 0.0
	for i := from; i < to; i++ {
		w := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i-from)/float64(to-from))
		re += w * float64(s.Samples[i]) * math.Cos(2*math.Pi*hz*float64(i)/float64(s.Rate))
		im += w * float64(s.Samples[i]) * math.Sin(2*math.Pi*hz*float64(i)/float64(s.Rate))
		weight += w
	}
	return 2 * math.Hypot(re, im) / weight
}

// clean fails if anything half-done is left in a store.
func clean(t *testing.T, s *Store) {
	t.Helper()
	err := filepath.WalkDir(s.dir, func(p string, d fs.DirEntry, err error) error {
		if strings.HasPrefix(d.Name(), ".") {
			t.Errorf("%s was left behind", p)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func code(err error) Code {
	var f *Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}

func TestUploadWAV(t *testing.T) {
	s := open(t, "good")
	for _, rate := range []int{8000, 11025, 22050, 44100, 48000} {
		name := fmt.Sprintf("tone-%d.wav", rate)
		info, err := s.Upload(t.Context(), name, bytes.NewReader(pcm.WAV(rate, samples(rate, 1.5, 0.05, 1000))))
		if err != nil {
			t.Fatalf("%d Hz: %v", rate, err)
		}
		got := stored(t, filepath.Join(s.dir, "uploads", name+".wav"))
		if math.Abs(got.Seconds()-1.5) > 0.001 || math.Abs(info.Seconds-1.5) > 0.001 {
			t.Errorf("%d Hz: %.4f s, said to be %.4f; want 1.5", rate, got.Seconds(), info.Seconds)
		}
		// A sine's amplitude is 3.01 dB above its effective value.
		if level := pcm.DB(strength(got, 1000)) - 3.01; math.Abs(level-pcm.PromptLevels.Active) > 0.15 {
			t.Errorf("%d Hz: the tone has %.2f dBFS; want %.1f", rate, level, pcm.PromptLevels.Active)
		}
		for _, other := range []float64{500, 1500, 2000, 3000, 3700} {
			if level := pcm.DB(strength(got, other)); level > -75 {
				t.Errorf("%d Hz: %.1f dBFS at %g Hz, where nothing was", rate, level, other)
			}
		}
		if fi, err := os.Stat(info.Path); err != nil || fi.Mode().Perm() != 0o644 {
			t.Errorf("%v, %v: Asterisk must be able to read it", fi.Mode(), err)
		}
		if info.Original != rate || info.Clipped != 0 {
			t.Errorf("%d Hz: %+v", rate, info)
		}
	}
	clean(t, s)
	list, err := s.Uploads()
	if err != nil || len(list) != 5 || list[0].Name != "tone-11025.wav" {
		t.Errorf("the list: %+v, %v", list, err)
	}
}

// What a telephone can't carry must not come back as something it can.
func TestUploadFilters(t *testing.T) {
	s := open(t, "good")
	info, err := s.Upload(t.Context(), "x", bytes.NewReader(pcm.WAV(16000, samples(16000, 1, 0.1, 1000, 5000, 7000))))
	if err != nil {
		t.Fatal(err)
	}
	got := stored(t, info.Path)
	// 8000-5000; 8000-7000 would fall on the tone itself, and the level would not be that of one tone.
	if d := pcm.DB(strength(got, 3000) / strength(got, 1000)); d > -70 {
		t.Errorf("3000 Hz is %.1f dB below the tone; want at least 70", -d)
	}
	if level := pcm.DB(strength(got, 1000)) - 3.01; math.Abs(level-pcm.PromptLevels.Active) > 0.15 {
		t.Errorf("the tone has %.2f dBFS; want %.1f", level, pcm.PromptLevels.Active)
	}
}

func TestUploadMixesChannels(t *testing.T) {
	left, right := samples(48000, 1, 0.2, 700), samples(48000, 1, 0.2, 1900)
	both := make([]int16, 0, 2*len(left))
	for i := range left {
		both = append(both, left[i], right[i])
	}
	b := pcm.WAV(48000, both)
	binary.LittleEndian.PutUint16(b[22:], 2)
	binary.LittleEndian.PutUint32(b[28:], 48000*4)
	binary.LittleEndian.PutUint16(b[32:], 4)
	s := open(t, "good")
	info, err := s.Upload(t.Context(), "stereo", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	got := stored(t, info.Path)
	if d := pcm.DB(strength(got, 700) / strength(got, 1900)); math.Abs(d) > 0.2 {
		t.Errorf("left is %.2f dB above right; want both alike", d)
	}
	if math.Abs(got.Seconds()-1) > 0.001 {
		t.Errorf("%.3f s; want 1", got.Seconds())
	}
}

func TestUploadTellsClipping(t *testing.T) {
	s := open(t, "good")
	info, err := s.Upload(t.Context(), "loud", bytes.NewReader(pcm.WAV(8000, samples(8000, 1, 3, 300))))
	if err != nil {
		t.Fatal(err)
	}
	if info.Clipped < 0.5 {
		t.Errorf("%.3f of the samples are said to be clipped; want most", info.Clipped)
	}
	if got := pcm.DB(stored(t, info.Path).Peak()); got > pcm.PromptLevels.Peak+0.05 {
		t.Errorf("peak %.2f dBFS; want at most %.1f", got, pcm.PromptLevels.Peak)
	}
}

func TestUploadFaults(t *testing.T) {
	le := binary.LittleEndian
	good := pcm.WAV(8000, samples(8000, 1, 0.2, 440))
	odd := bytes.Clone(good)
	le.PutUint16(odd[20:], 0x55)
	noise := make([]int16, 8000)
	for i := range noise {
		noise[i] = int16(i * 7919 % 3) // the last bit of a sound card
	}
	high := samples(48000, 1, 0.5, 12000)
	for i := range high { // without the clicks that a sudden beginning and end are
		high[i] = int16(float64(high[i]) * (0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/48000)))
	}
	for _, c := range []struct {
		name string
		file []byte
		want Code
	}{
		{"nothing", nil, NotSound},
		{"text", []byte("Dear Sir or Madam, this is a prompt."), NotSound},
		{"program", append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 100)...), NotSound},
		{"video", append([]byte("RIFF\x00\x00\x00\x00AVI "), make([]byte, 100)...), NotSound},
		{"cut", good[:5000], Truncated},
		{"header alone", good[:44], Truncated},
		{"MP3 in a WAV", odd, Unsupported},
		{"short", pcm.WAV(8000, samples(8000, 0.05, 0.2, 440)), TooShort},
		{"long", pcm.WAV(8000, samples(8000, 20.1, 0.2, 440)), TooLong},
		{"large", pcm.WAV(48000, make([]int16, 2<<20)), TooLarge},
		{"silent", pcm.WAV(8000, make([]int16, 8000)), Silent},
		{"noise of the sound card", pcm.WAV(8000, noise), Silent},
		{"a constant", pcm.WAV(8000, slices.Repeat([]int16{9000}, 8000)), Silent},
		{"what no telephone carries", pcm.WAV(48000, high), Silent},
	} {
		s := open(t, "good", func(l *Limits) { l.Bytes = 2 << 20 })
		_, err := s.Upload(t.Context(), "x", bytes.NewReader(c.file))
		if got := code(err); got != c.want {
			t.Errorf("%s: %v; want %s", c.name, err, c.want)
		}
		clean(t, s)
		if list, _ := s.Uploads(); len(list) != 0 {
			t.Errorf("%s: stored %v", c.name, list)
		}
	}
}

func TestUploadKeepsOld(t *testing.T) {
	s := open(t, "good")
	info, err := s.Upload(t.Context(), "x", bytes.NewReader(pcm.WAV(8000, samples(8000, 1, 0.2, 440))))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Upload(t.Context(), "x", strings.NewReader("not a sound")); code(err) != NotSound {
		t.Fatal(err)
	}
	if got := stored(t, info.Path).Seconds(); got != 1 {
		t.Errorf("after a failed upload the old one has %g s", got)
	}
	if _, err := s.Upload(t.Context(), "x", bytes.NewReader(pcm.WAV(8000, samples(8000, 2, 0.2, 440)))); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, info.Path).Seconds(); got != 2 {
		t.Errorf("after a second upload there are %g s", got)
	}
}

func TestNames(t *testing.T) {
	s := open(t, "good")
	for _, name := range []string{"", ".", "..", "../x", "a/b", ".hidden", "a b", "a\x00b", "提示", strings.Repeat("a", 101)} {
		if _, err := s.Upload(t.Context(), name, strings.NewReader("")); code(err) != BadName {
			t.Errorf("Upload(%q): %v", name, err)
		}
		if err := s.Remove(name); code(err) != BadName {
			t.Errorf("Remove(%q): %v", name, err)
		}
		if _, err := s.Replace(t.Context(), "en", name, strings.NewReader("")); code(err) != BadBuiltIn {
			t.Errorf("Replace(%q): %v", name, err)
		}
	}
	if err := s.Remove("none"); code(err) != NoFile {
		t.Errorf("removing what is not there: %v", err)
	}
}

func TestUploadMP3(t *testing.T) {
	mp3 := append([]byte("ID3\x04"), make([]byte, 1000)...)
	s := open(t, "good")
	info, err := s.Upload(t.Context(), "x.mp3", bytes.NewReader(mp3))
	if err != nil {
		t.Fatal(err)
	}
	if got := stored(t, info.Path); math.Abs(got.Seconds()-1) > 0.001 || pcm.DB(strength(got, 1000)) < -20 {
		t.Errorf("%.3f s, the tone has %.1f dBFS", got.Seconds(), pcm.DB(strength(got, 1000)))
	}
	clean(t, s)
	for how, want := range map[string]Code{
		"fail": Damaged, "nothing": Damaged, "garbage": Damaged, "crash": Damaged, "flood": TooLong, "burn": TooExpensive, "hang": TooExpensive,
	} {
		s := open(t, how, func(l *Limits) {
			l.CPU = 2 * time.Second
			if how == "hang" {
				l.Time = 2 * time.Second
			}
		})
		if _, err := s.Upload(t.Context(), "x.mp3", bytes.NewReader([]byte{0xff, 0xfb, 0x90, 0, 0, 0, 0, 0})); code(err) != want {
			t.Errorf("a decoder that does %q: %v; want %s", how, err, want)
		}
		clean(t, s)
	}
}

// What is broken on the box is no fault of the owner's file.
func TestBrokenTools(t *testing.T) {
	wav := pcm.WAV(8000, samples(8000, 1, 0.2, 440))
	for name, change := range map[string]func(*Tools){
		"no decoder":   func(t *Tools) { t.Lame = []string{"/usr/bin/there-is-none"} },
		"no program":   func(t *Tools) { t.Child = "/usr/bin/there-is-none" },
		"another main": func(t *Tools) { t.Child = "/bin/true" },
		"no folder":    func(t *Tools) { t.Readable = []string{"/there/is/none"} },
	} {
		s := open(t, "good")
		change(&s.tools)
		file := wav
		if name == "no decoder" || name == "no folder" {
			file = append([]byte("ID3"), wav...)
		}
		if _, err := s.Upload(t.Context(), "x", bytes.NewReader(file)); err == nil || code(err) != "" {
			t.Errorf("%s: %v; want an error that is no fault", name, err)
		}
		clean(t, s)
	}
}

func TestUploadEndsWithContext(t *testing.T) {
	s := open(t, "hang")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := s.Upload(ctx, "x", bytes.NewReader([]byte("ID3 and so on")))
		done <- err
	}()
	for len(s.busy) == 0 { // until the conversion runs
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want a cancelled context", err)
	}
	if _, err := s.Upload(ctx, "x", strings.NewReader("RIFF")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want a cancelled context", err)
	}
	clean(t, s)
}

func TestUploadsAtOnce(t *testing.T) {
	s := open(t, "good")
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			if _, err := s.Upload(t.Context(), fmt.Sprint("x", i%3), bytes.NewReader(pcm.WAV(8000, samples(8000, 1, 0.2, 440)))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if list, err := s.Uploads(); len(list) != 3 {
		t.Errorf("%v, %v", list, err)
	}
	clean(t, s)
}

func TestFull(t *testing.T) {
	s := open(t, "good", func(l *Limits) { l.Total = 50000 })
	wav := pcm.WAV(8000, samples(8000, 1, 0.2, 440)) // 16 kB
	for i := range 2 {
		if _, err := s.Upload(t.Context(), fmt.Sprint("x", i), bytes.NewReader(wav)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Upload(t.Context(), "x2", bytes.NewReader(wav)); code(err) != Full {
		t.Errorf("%v; want %s", err, Full)
	}
	clean(t, s)
}

func TestReplaceBuiltIn(t *testing.T) {
	s := open(t, "good")
	wav := pcm.WAV(8000, samples(8000, 1, 0.2, 440))
	for _, name := range []string{"vm-intro", "digits/1", "switchroom/digit/1"} {
		if _, err := s.Replace(t.Context(), "zh-CN", name, bytes.NewReader(wav)); err != nil {
			t.Fatal(err)
		}
		stored(t, filepath.Join(s.dir, "zh", name+".wav"))
	}
	var names []string
	list, err := s.Replacements("zh-CN")
	for _, i := range list {
		names = append(names, i.Name)
	}
	if diff := cmp.Diff([]string{"digits/1", "switchroom/digit/1", "vm-intro"}, names); diff != "" || err != nil {
		t.Errorf("replaced (-want +got), %v:\n%s", err, diff)
	}
	if err := s.Restore("zh-CN", "vm-intro"); err != nil {
		t.Error(err)
	}
	if err := s.Restore("zh-CN", "vm-intro"); err != nil {
		t.Errorf("restoring again: %v", err)
	}
	if list, _ := s.Replacements("zh-CN"); len(list) != 2 {
		t.Errorf("after restoring: %v", list)
	}
	for _, c := range []struct {
		language, name string
		want           Code
	}{{"fr", "vm-intro", BadLanguage}, {"en", "no-such-prompt", BadBuiltIn}, {"en", "../../etc/passwd", BadBuiltIn}, {"en", "vm-tong", BadBuiltIn}, {"en", "tt-monkeys", BadBuiltIn}} {
		if _, err := s.Replace(t.Context(), c.language, c.name, bytes.NewReader(wav)); code(err) != c.want {
			t.Errorf("%s %s: %v; want %s", c.language, c.name, err, c.want)
		}
	}
	clean(t, s)
}

func TestSay(t *testing.T) {
	s := open(t, "good")
	a, err := s.Say(t.Context(), "zh-CN", "您好，\n欢迎致电。")
	if err != nil {
		t.Fatal(err)
	}
	stored(t, a.Path)
	fi, _ := os.Stat(a.Path)
	b, err := s.Say(t.Context(), "zh-CN", "  您好， 欢迎致电。")
	again, _ := os.Stat(b.Path)
	if err != nil || a.Path != b.Path || !os.SameFile(fi, again) {
		t.Errorf("the same text was said again: %v, %v, %v", a, b, err)
	}
	if c, err := s.Say(t.Context(), "en", "您好， 欢迎致电。"); err != nil || c.Path == a.Path {
		t.Errorf("in another language: %v, %v", c, err)
	}
	for _, c := range []struct {
		language, text string
		want           Code
	}{{"fr", "bonjour", BadLanguage}, {"en", "", NoText}, {"en", " \n\x00", NoText}, {"zh-CN", "。。。", NoText}, {"en", strings.Repeat("a ", 2000), LongText}} {
		if _, err := s.Say(t.Context(), c.language, c.text); code(err) != c.want {
			t.Errorf("%s %.20q: %v; want %s", c.language, c.text, err, c.want)
		}
	}
	clean(t, s)
}

func TestSpeakable(t *testing.T) {
	for in, want := range map[string]string{
		"a\tb\r\nc": "a b c", "[[h@l'oU]]": "h@l'oU", "\x1b[31mred": "31mred", "bad\xffbyte": "badbyte", "  您好 ": "您好",
	} {
		if got := speakable(in); got != want {
			t.Errorf("speakable(%q) = %q; want %q", in, got, want)
		}
	}
}

// played returns what Asterisk would play of a prompt: its language first, then the folder for any.
func played(s *Store, language, name string) string {
	for _, dir := range []string{language, "any"} {
		if to, err := filepath.EvalSymlinks(filepath.Join(s.dir, dir, "site", name+".wav")); err == nil {
			rel, _ := filepath.Rel(s.dir, to)
			return rel
		}
	}
	return ""
}

func TestApply(t *testing.T) {
	s := open(t, "good")
	for _, name := range []string{"welcome.wav", "welcome-en.mp3"} {
		if _, err := s.Upload(t.Context(), name, bytes.NewReader(pcm.WAV(8000, samples(8000, 1, 0.2, 440)))); err != nil {
			t.Fatal(err)
		}
	}
	site := []provisioning.Prompt{
		{Name: "welcome", Files: map[string]string{"zh-CN": "welcome.wav", "en": "welcome-en.mp3"}},
		{Name: "closed", Text: map[string]string{"zh-CN": "现在休息", "en": "We are closed"}},
		{Name: "chinese", Text: map[string]string{"zh-CN": "只有中文"}},
		{Name: "both", Text: map[string]string{"zh-CN": "文本"}, Files: map[string]string{"zh-CN": "welcome.wav"}},
		{Name: "gone", Files: map[string]string{"en": "gone.wav"}, Text: map[string]string{"zh-CN": "还在"}},
		{Name: "mute", Text: map[string]string{"en": "..."}},
	}
	troubles, err := s.Apply(t.Context(), site, "zh-CN")
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, tr := range troubles {
		said = append(said, tr.Text("en"), tr.Text("zh-CN"))
	}
	want := []string{
		`prompt gone (en): there is no uploaded file "gone.wav"`, `语音 gone（en）：没有名为 "gone.wav" 的上传文件`,
		"prompt mute (en): there is nothing to say in the text", "语音 mute（en）：文本中没有可以朗读的内容",
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("troubles (-want +got):\n%s", diff)
	}
	of := func(folder, text string) string { return "said/" + s.saidName(folder, text) + ".wav" }
	for _, c := range []struct{ language, name, want string }{
		{"zh", "welcome", "uploads/welcome.wav.wav"}, {"en", "welcome", "uploads/welcome-en.mp3.wav"}, {"fr", "welcome", "uploads/welcome.wav.wav"},
		{"zh", "closed", of("zh", "现在休息")}, {"en", "closed", of("en", "We are closed")},
		{"zh", "chinese", of("zh", "只有中文")}, {"en", "chinese", of("zh", "只有中文")},
		{"zh", "both", "uploads/welcome.wav.wav"}, {"en", "gone", of("zh", "还在")}, {"en", "mute", ""},
	} {
		if got := played(s, c.language, c.name); got != c.want {
			t.Errorf("%s in %s plays %q; want %q", c.name, c.language, got, c.want)
		}
	}
	if err := s.Remove("welcome.wav"); code(err) != InUse {
		t.Errorf("removing what is played: %v", err)
	}

	// Again, and nothing is touched.
	link := filepath.Join(s.dir, "zh", "site", "closed.wav")
	before, _ := os.Lstat(link)
	if _, err := s.Apply(t.Context(), site, "zh-CN"); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Lstat(link); !os.SameFile(before, after) {
		t.Error("a link that was right was made again")
	}
	clean(t, s)

	// Another document: what is not in it goes.
	if _, err := s.Apply(t.Context(), []provisioning.Prompt{{Name: "closed", Text: map[string]string{"en": "Good night"}}}, "en"); err != nil {
		t.Fatal(err)
	}
	if got := played(s, "zh", "closed"); got != of("en", "Good night") {
		t.Errorf("closed plays %q", got)
	}
	if got := played(s, "zh", "welcome"); got != "" {
		t.Errorf("a prompt that is gone plays %q", got)
	}
	entries, err := os.ReadDir(filepath.Join(s.dir, "said"))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d texts are kept, %v; want 1", len(entries), err)
	}
	if err := s.Remove("welcome.wav"); err != nil {
		t.Errorf("removing what is not played: %v", err)
	}
	if _, err := s.Apply(t.Context(), []provisioning.Prompt{{Name: "../x"}}, "en"); err == nil {
		t.Error("a name that leads out of the folder was taken")
	}
}

func TestFaultTexts(t *testing.T) {
	for c, m := range messages {
		f := &Fault{Code: c, Value: "VALUE", Limit: "LIMIT"}
		en, zh := f.Text("en"), f.Text("zh-CN")
		if en == zh || strings.Contains(en, "%!") || strings.Contains(zh, "%!") {
			t.Errorf("%s: %q, %q", c, en, zh)
		}
		if strings.Contains(m[0], "[1]") != strings.Contains(m[1], "[1]") || strings.Contains(m[0], "[2]") != strings.Contains(m[1], "[2]") {
			t.Errorf("%s: one language tells more than the other", c)
		}
	}
}

func FuzzReadResult(f *testing.F) {
	f.Add([]byte("{\"Samples\":2}\nabcd"))
	f.Add([]byte("{\"Fault\":{\"code\":\"silent\"}}\n"))
	f.Add([]byte("{\"Samples\":-1}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, samples, err := readResult(bytes.NewReader(b), 1)
		if err == nil && r.Fault == nil && (len(samples) != r.Samples || len(samples) == 0 || len(samples) > 8016) {
			t.Fatalf("%d samples, said to be %d", len(samples), r.Samples)
		}
	})
}

func TestOpenTidies(t *testing.T) {
	s := open(t, "good")
	old, fresh := filepath.Join(s.dir, "uploads", ".upload-1"), filepath.Join(s.dir, "zh", ".new-2")
	for _, f := range []string{old, fresh} {
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: s.dir}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a power cut left is still there: %v", err)
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Errorf("what may be being written is gone: %v", err)
	}
}
