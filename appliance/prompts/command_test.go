package prompts

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchroom/image/prompts/pcm"
)

func TestMainCommands(t *testing.T) {
	s := open(t, "good")
	file := filepath.Join(t.TempDir(), "greeting")
	wav := pcm.WAV(8000, samples(8000, 1, 0.2, 440))
	if err := os.WriteFile(file, wav, 0o600); err != nil {
		t.Fatal(err)
	}
	when := regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d`)
	for _, c := range []struct {
		args, stdin, stdout, stderr string
		code                        Code
	}{
		{args: "upload welcome.wav " + file, stdout: "welcome.wav: 1.0 s stored, level changed by -0.5 dB\n"},
		{args: "-language zh-CN upload welcome2.wav -", stdin: string(wav), stdout: "welcome2.wav：已保存 1.0 秒，音量调整 -0.5 dB\n"},
		{args: "replace zh-CN vm-intro " + file, stdout: "vm-intro: 1.0 s stored, level changed by -0.5 dB\n"},
		{args: "list", stdout: "uploaded  welcome.wav   1.0 s  WHEN\nuploaded  welcome2.wav  1.0 s  WHEN\nzh-CN     vm-intro      1.0 s  WHEN\n"},
		{args: "upload loud -", stdin: string(pcm.WAV(8000, samples(8000, 1, 3, 440))), stdout: "loud: 1.0 s stored, level changed by -16.8 dB\n", stderr: "loud: the recording was made too loud and is distorted\n"},
		{args: "remove welcome.wav"},
		{args: "remove loud"},
		{args: "restore zh-CN vm-intro"},
		{args: "-language zh-CN list", stdout: "上传  welcome2.wav  1.0 s  WHEN\n"},
		{args: "remove welcome.wav", stderr: "there is no uploaded file \"welcome.wav\"\n", code: NoFile},
		{args: "-language zh-CN upload x -", stdin: "text", stderr: "文件既不是 WAV 也不是 MP3\n", code: NotSound},
	} {
		var stdout, stderr bytes.Buffer
		err := Main(t.Context(), s, strings.Fields(c.args), strings.NewReader(c.stdin), &stdout, &stderr)
		if code(err) != c.code || (err != nil) != (c.code != "") {
			t.Errorf("%s: %v; want %q", c.args, err, c.code)
		}
		if diff := cmp.Diff(c.stdout, when.ReplaceAllString(stdout.String(), "WHEN")); diff != "" {
			t.Errorf("%s: standard output (-want +got):\n%s", c.args, diff)
		}
		if diff := cmp.Diff(c.stderr, stderr.String()); diff != "" {
			t.Errorf("%s: standard error (-want +got):\n%s", c.args, diff)
		}
	}
	for _, args := range [][]string{nil, {"sing"}, {"upload", "x"}, {"list", "all"}, {"-nonsense"}, {"-language", "zh-CN"}} {
		var stderr bytes.Buffer
		err := Main(t.Context(), s, args, nil, &stderr, &stderr)
		if !errors.Is(err, ErrUsage) || !strings.Contains(stderr.String(), "switchroom prompts") {
			t.Errorf("%q: %v, %q", args, err, stderr.String())
		}
	}
	if err := Main(t.Context(), s, []string{"upload", "x", "/there/is/none"}, nil, &bytes.Buffer{}, &bytes.Buffer{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}
