package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"path/filepath"

	"switchroom/image/build"
	"switchroom/image/packages"
	"switchroom/image/prompts"
	"switchroom/image/rootfs"
)

// Image is what of the image's root Asterisk needs, unpacked in the package cache. It is never
// changed and may be used by many goroutines.
type Image struct {
	store *packages.Store
	tree  string
}

// The folders of the image that have prompts and music, as Asterisk sees them.
const (
	DataDir   = "/usr/share/asterisk"
	SoundsDir = DataDir + "/sounds"
)

// treeVariable hands the tree over to the process that [Enter] starts.
const treeVariable = "SWITCHROOM_LAB_TREE"

// Build puts the image together, unless the cache has it. The first time it may fetch packages and
// compile Asterisk; progress says how far it is.
func Build(ctx context.Context, log *slog.Logger, progress io.Writer) (*Image, error) {
	store, err := packages.Open(packages.Config{Log: log, Progress: progress})
	if err != nil {
		return nil, fmt.Errorf("putting the image's Asterisk together: %w", err)
	}
	if dir := os.Getenv(treeVariable); dir != "" {
		return &Image{store, dir}, nil
	}
	dir, err := buildTree(ctx, store)
	if err != nil {
		return nil, fmt.Errorf("putting the image's Asterisk together: %w", err)
	}
	return &Image{store, dir}, nil
}

func buildTree(ctx context.Context, store *packages.Store) (string, error) {
	lock, err := packages.Default()
	if err != nil {
		return "", err
	}
	asterisk, err := build.Asterisk(ctx, store, lock)
	if err != nil {
		return "", err
	}
	pkgs, err := lock.Set("root")
	if err != nil {
		return "", err
	}
	root, err := store.Tree(ctx, pkgs)
	if err != nil {
		return "", err
	}
	spoken, err := prompts.Tree(ctx, store, lock)
	if err != nil {
		return "", err
	}
	t, err := tree(rootfs.NewOverlay(asterisk, spoken, root))
	if err != nil {
		return "", err
	}
	hash, err := t.Hash()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(store.Dir(), "pieces", "native", hash[:32])
	return dir, store.Once(ctx, dir, t.WriteDir)
}

// tree is the part of the image's root that a call goes through.
func tree(o *rootfs.Overlay) (*rootfs.Tree, error) {
	t := new(rootfs.Tree)
	programs, err := o.Glob(build.ModuleDir + "/*.so")
	if err != nil {
		return nil, err
	}
	if len(programs) == 0 {
		return nil, errors.New("no modules of Asterisk were built")
	}
	programs = append(programs, "usr/sbin/asterisk",
		// NSS opens these at run time; libsrtp uses NSS, and Asterisk ends without them.
		"usr/lib/x86_64-linux-gnu/libsoftokn3.so", "usr/lib/x86_64-linux-gnu/libfreebl3.so", "usr/lib/x86_64-linux-gnu/libfreeblpriv3.so")
	if err := rootfs.AddELF(t, o, programs...); err != nil {
		return nil, err
	}
	for _, data := range []string{"usr/share/asterisk/sounds", "usr/share/asterisk/moh", "usr/share/zoneinfo", "etc/ssl/certs/ca-certificates.crt"} {
		if err := o.Copy(t, data); err != nil {
			return nil, err
		}
	}
	// As the image has them: the owner's recordings come before the firmware's.
	const owner = "/data/prompts/"
	for from, to := range map[string]string{
		prompts.English:                  prompts.EnglishVoice,
		prompts.EnglishVoice + "/custom": owner + prompts.English,
		prompts.Chinese + "/custom":      owner + prompts.Chinese,
		"custom":                         owner + "any",
	} {
		if err := t.Symlink(path.Join(prompts.SoundsDir, from), to); err != nil {
			return nil, err
		}
	}
	for name, text := range map[string]string{
		"passwd":        "root:x:0:0::/:/usr/sbin/nologin\nasterisk:x:101:101::/var/lib/asterisk:/usr/sbin/nologin\n",
		"group":         "root:x:0:\nasterisk:x:101:\n",
		"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n",
		// The sandbox's own name: Asterisk looks it up, and would ask for it outside with every call.
		"hosts":       "127.0.0.1 localhost sandbox\n",
		"resolv.conf": "",
	} {
		if err := t.Bytes("etc/"+name, []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	for from, to := range map[string]string{"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"} {
		if err := errors.Join(t.Dir(to, 0o755), t.Symlink(from, to)); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Sounds returns the folder of the machine that has the prompts.
func (i *Image) Sounds() string { return filepath.Join(i.tree, SoundsDir) }
