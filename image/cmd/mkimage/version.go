package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"switchroom/image"
)

// origin is where an image comes from.
type origin struct {
	Version string
	Commit  string
	Time    time.Time // SOURCE_DATE_EPOCH: every time in the image
}

// describe finds out which commit is being built. Without git, as in an
// unpacked archive, the version is the base and the time SOURCE_DATE_EPOCH.
func describe(ctx context.Context, module, version string) (origin, error) {
	o := origin{Version: version}
	git := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, "git", append([]string{"-C", module}, args...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
		}
		return strings.TrimSpace(string(out)), nil
	}
	described, gitErr := git("describe", "--always", "--dirty", "--match=v[0-9]*", "--abbrev=12")
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	if gitErr == nil {
		var err error
		if o.Commit, err = git("rev-parse", "HEAD"); err != nil {
			return origin{}, err
		}
		if epoch == "" {
			if epoch, err = git("log", "-1", "--format=%ct"); err != nil {
				return origin{}, err
			}
		}
	}
	if o.Version == "" {
		o.Version = versionFrom(described)
	}
	if epoch == "" {
		return origin{}, fmt.Errorf("neither git nor SOURCE_DATE_EPOCH says when this tree was made: %w", gitErr)
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return origin{}, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	o.Time = time.Unix(seconds, 0).UTC()
	return o, nil
}

// versionFrom turns what git describe says into a version. A tag is a release
// and is the version; any other commit is on the way to the base version:
//
//	v0.2.0              0.2.0
//	v0.2.0-3-gabcdef    0.2.0+3.gabcdef
//	abcdef-dirty        0.1.0+gabcdef.dirty
//	(no git)            0.1.0
func versionFrom(described string) string {
	if described == "" {
		return image.BaseVersion
	}
	described, dirty := strings.CutSuffix(described, "-dirty")
	base, rest := image.BaseVersion, "g"+described
	if tag, ok := strings.CutPrefix(described, "v"); ok {
		base, rest, _ = strings.Cut(tag, "-")
		rest = strings.ReplaceAll(rest, "-", ".")
	}
	var more []string
	if rest != "" {
		more = append(more, rest)
	}
	if dirty {
		more = append(more, "dirty")
	}
	if len(more) == 0 {
		return base
	}
	return base + "+" + strings.Join(more, ".")
}
