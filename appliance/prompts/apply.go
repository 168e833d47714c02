package prompts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"switchroom/provisioning"
)

// Trouble is a prompt of the site that can't be had in a language.
type Trouble struct {
	Prompt, Language string
	Fault            *Fault
}

// Text is the trouble in words, in "zh-CN" or else in English.
func (t Trouble) Text(language string) string {
	if language == "zh-CN" {
		return fmt.Sprintf("语音 %s（%s）：%s", t.Prompt, t.Language, t.Fault.Text(language))
	}
	return fmt.Sprintf("prompt %s (%s): %s", t.Prompt, t.Language, t.Fault.Text(language))
}

// Apply makes the folders that Asterisk plays from have exactly the prompts of a site document: those
// with a file from the uploads, those with a text said. first is the document's language: it is what a
// caller hears whose language a prompt does not have. Prompts that can't be had in a language are returned
// as troubles, and the others are there all the same. Texts that are said no more are removed.
//
// It changes nothing about prompts that stay as they are, so calls are not disturbed.
func (s *Store) Apply(ctx context.Context, list []provisioning.Prompt, first string) ([]Trouble, error) {
	s.apply.Lock()
	defer s.apply.Unlock()
	var troubles []Trouble
	want := map[string]string{} // link -> target, both below the folder
	for _, p := range list {
		if !fileName.MatchString(p.Name) {
			return nil, fmt.Errorf("%q is not the name of a prompt", p.Name)
		}
		for _, language := range languages(first) {
			target, err := s.sound(ctx, p, language)
			var f *Fault
			switch {
			case errors.As(err, &f):
				troubles = append(troubles, Trouble{p.Name, language, f})
				continue
			case err != nil:
				return troubles, fmt.Errorf("prompt %s in %s: %w", p.Name, language, err)
			case target == "":
				continue
			}
			want[path.Join(Languages[language], site, p.Name+ending)] = target
			if link := path.Join(anyone, site, p.Name+ending); want[link] == "" {
				want[link] = target
			}
		}
	}
	if err := s.link(want); err != nil {
		return troubles, fmt.Errorf("putting the site's prompts in place: %w", err)
	}
	return troubles, s.sweep()
}

// languages returns the languages, one of them first.
func languages(first string) []string {
	if first == "zh-CN" {
		return []string{"zh-CN", "en"}
	}
	return []string{"en", "zh-CN"}
}

// sound returns where a prompt's sound in a language is, below the folder; "" if it has none.
func (s *Store) sound(ctx context.Context, p provisioning.Prompt, language string) (string, error) {
	if file := p.Files[language]; file != "" {
		if !fileName.MatchString(file) {
			return "", &Fault{Code: BadName, Value: clip(file)}
		}
		if _, err := os.Stat(s.uploaded(file)); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return "", &Fault{Code: NoFile, Value: file}
			}
			return "", err
		}
		return path.Join(uploads, file+ending), nil
	}
	text := p.Text[language]
	if text == "" {
		return "", nil
	}
	info, err := s.Say(ctx, language, text)
	if err != nil {
		return "", err
	}
	return path.Join(said, info.Name+ending), nil
}

// link makes the links that are wanted, and removes the others.
func (s *Store) link(want map[string]string) error {
	have, err := s.links()
	if err != nil {
		return err
	}
	for link, target := range want {
		to := "../../" + target
		if have[link] == to {
			continue
		}
		name := filepath.Join(s.dir, filepath.FromSlash(link))
		tmp := filepath.Join(filepath.Dir(name), ".new-"+filepath.Base(name))
		if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Symlink(to, tmp); err != nil {
			return err
		}
		if err := os.Rename(tmp, name); err != nil {
			return err
		}
	}
	for link := range have {
		if _, ok := want[link]; !ok {
			if err := os.Remove(filepath.Join(s.dir, filepath.FromSlash(link))); err != nil {
				return err
			}
		}
	}
	for _, dir := range s.siteDirs() {
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) siteDirs() []string {
	dirs := []string{filepath.Join(s.dir, anyone, site)}
	for _, folder := range Languages {
		dirs = append(dirs, filepath.Join(s.dir, folder, site))
	}
	slices.Sort(dirs)
	return dirs
}

// links returns the links that are there, and where they lead.
func (s *Store) links() (map[string]string, error) {
	all := map[string]string{}
	for _, dir := range s.siteDirs() {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			rel, err := filepath.Rel(s.dir, filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, err
			}
			to, err := os.Readlink(filepath.Join(dir, e.Name()))
			if err != nil {
				to = "" // not a link of ours: it goes, or is replaced
			}
			all[filepath.ToSlash(rel)] = to
		}
	}
	return all, nil
}

// used returns the files that links lead to, below the folder.
func (s *Store) used() (map[string]bool, error) {
	links, err := s.links()
	if err != nil {
		return nil, err
	}
	all := map[string]bool{}
	for _, to := range links {
		all[strings.TrimPrefix(to, "../../")] = true
	}
	return all, nil
}

// sweep removes what was said for prompts that are gone.
func (s *Store) sweep() error {
	used, err := s.used()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Join(s.dir, said))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || used[path.Join(said, e.Name())] {
			continue
		}
		if err := os.Remove(filepath.Join(s.dir, said, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing what is said no more: %w", err)
		}
	}
	return nil
}
