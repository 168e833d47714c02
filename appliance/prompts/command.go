package prompts

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
)

// ErrUsage is returned for arguments that are no command; how they should be was written already.
var ErrUsage = errors.New("prompts: no such command")

// words are what the commands say, in English and Chinese.
var words = map[string][2]string{
	"usage": {`usage: switchroom prompts [-language en|zh-CN] <command>

  list                                    what was uploaded, and which built-in prompts are replaced
  upload <name> <file>                    store a WAV or MP3 under the name that the site document uses
  remove <name>                           remove an uploaded file
  replace <en|zh-CN> <built-in> <file>    have a recording instead of a built-in prompt
  restore <en|zh-CN> <built-in>           have the built-in prompt again

A file of "-" is read from standard input.
`, `用法：switchroom prompts [-language en|zh-CN] <命令>

  list                                    列出上传的文件和被替换的内置语音
  upload <名称> <文件>                    以站点文档中使用的名称保存 WAV 或 MP3
  remove <名称>                           删除上传的文件
  replace <en|zh-CN> <内置语音> <文件>    用录音替换内置语音
  restore <en|zh-CN> <内置语音>           恢复内置语音

文件为 "-" 时从标准输入读取。
`},
	"stored": {"%s: %.1f s stored, level changed by %+.1f dB\n", "%s：已保存 %.1f 秒，音量调整 %+.1f dB\n"},
	"loud":   {"%s: the recording was made too loud and is distorted\n", "%s：录音音量过大，声音失真\n"},
	"upload": {"uploaded", "上传"},
}

// Main runs a command of a person. Faults are written in the language that was asked for, and are
// returned, too.
func Main(ctx context.Context, s *Store, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("prompts", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	language := flags.String("language", "en", "")
	say := func(w io.Writer, key string, args ...any) error {
		text := words[key][0]
		if *language == "zh-CN" {
			text = words[key][1]
		}
		_, err := fmt.Fprintf(w, text, args...)
		return err
	}
	err := flags.Parse(args)
	args = flags.Args()
	want := map[string]int{"list": 1, "upload": 3, "remove": 2, "replace": 4, "restore": 3}
	if err != nil || len(args) == 0 || want[args[0]] != len(args) {
		return errors.Join(ErrUsage, say(stderr, "usage"))
	}
	take := func(file string, store func(io.Reader) (Info, error)) error {
		in := stdin
		if file != "-" {
			f, err := os.Open(file)
			if err != nil {
				return err
			}
			defer f.Close()
			in = f
		}
		info, err := store(in)
		if err != nil {
			return err
		}
		if info.Clipped > 0.001 {
			if err := say(stderr, "loud", info.Name); err != nil {
				return err
			}
		}
		return say(stdout, "stored", info.Name, info.Seconds, info.Gain)
	}
	switch args[0] {
	case "list":
		err = s.printList(stdout, words["upload"], *language)
	case "upload":
		err = take(args[2], func(r io.Reader) (Info, error) { return s.Upload(ctx, args[1], r) })
	case "remove":
		err = s.Remove(args[1])
	case "replace":
		err = take(args[3], func(r io.Reader) (Info, error) { return s.Replace(ctx, args[1], args[2], r) })
	case "restore":
		err = s.Restore(args[1], args[2])
	}
	var f *Fault
	if errors.As(err, &f) {
		_, werr := fmt.Fprintln(stderr, f.Text(*language))
		return errors.Join(err, werr)
	}
	return err
}

// printList lists what is stored: kind or language, name, seconds, when.
func (s *Store) printList(w io.Writer, uploaded [2]string, language string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	kind := uploaded[0]
	if language == "zh-CN" {
		kind = uploaded[1]
	}
	list, err := s.Uploads()
	if err != nil {
		return err
	}
	row := func(kind string, list []Info) error {
		for _, i := range list {
			if _, err := fmt.Fprintf(t, "%s\t%s\t%.1f s\t%s\n", kind, i.Name, i.Seconds, i.Time.Format("2006-01-02 15:04")); err != nil {
				return err
			}
		}
		return nil
	}
	if err := row(kind, list); err != nil {
		return err
	}
	for _, l := range []string{"en", "zh-CN"} {
		if list, err = s.Replacements(l); err != nil {
			return err
		}
		if err := row(l, list); err != nil {
			return err
		}
	}
	return t.Flush()
}
