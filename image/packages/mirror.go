package packages

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// HostMirrors returns the roots of the Debian archive that the host's apt is set up with, best
// first and without a slash at the end. It asks apt itself, so every form of its sources is
// understood. A source counts as the archive if apt's copy of its Release file says so or, where
// apt has not fetched one yet, if its address ends as the archive's does; that it is the archive
// is proven later by signature or hash, whichever is used.
func HostMirrors(ctx context.Context) ([]string, error) {
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format",
		"$(CREATED_BY) $(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)").Output()
	if err != nil {
		return nil, fmt.Errorf("asking apt for its mirrors (apt-get indextargets): %w%s", err, stderrOf(err))
	}
	return mirrorsOf(string(out))
}

// mirrorsOf reads the lines that apt-get indextargets wrote in HostMirrors' format.
func mirrorsOf(targets string) ([]string, error) {
	var known, likely, other []string
	for line := range strings.Lines(targets) {
		f := strings.Fields(line)
		if len(f) < 4 || f[0] != "Packages" || f[3] != "main" || strings.HasSuffix(f[2], "-security") || strings.Contains(f[2], "/") {
			continue
		}
		uri := strings.TrimRight(f[1], "/")
		// apt writes an empty origin, or the variable's name, where it knows none.
		origin := strings.Join(f[4:], " ")
		if strings.HasPrefix(origin, "$(") {
			origin = ""
		}
		u, err := url.Parse(uri)
		switch {
		case err != nil || (u.Scheme != "http" && u.Scheme != "https"):
			other = append(other, uri)
		case origin == "Debian":
			known = append(known, uri)
		case origin == "" && strings.HasSuffix(u.Path, "/debian"):
			likely = append(likely, uri)
		default:
			other = append(other, uri)
		}
	}
	var all []string
	for _, uri := range append(known, likely...) {
		if !slices.Contains(all, uri) {
			all = append(all, uri)
		}
	}
	if len(all) == 0 {
		msg := "the host's apt has no source of the Debian archive (component main, over http or https)"
		if len(other) > 0 {
			msg += fmt.Sprintf("; it has %d others", len(other))
		}
		return nil, errors.New(msg + ": add one to its sources, for any suite")
	}
	return all, nil
}

// Mirrors returns the archive's roots that the store fetches from.
func (s *Store) Mirrors(ctx context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mirrors) == 0 {
		m, err := HostMirrors(ctx)
		if err != nil {
			return nil, err
		}
		s.mirrors = m
	}
	return s.mirrors, nil
}

// httpClient returns the client that downloads are made with.
func (s *Store) httpClient(ctx context.Context) *http.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		proxies := map[string]*url.URL{}
		for _, scheme := range []string{"http", "https"} {
			if u := aptProxy(ctx, scheme); u != nil {
				proxies[scheme] = u
			}
		}
		s.client = &http.Client{Transport: &http.Transport{
			Proxy: func(r *http.Request) (*url.URL, error) {
				if u := proxies[r.URL.Scheme]; u != nil {
					return u, nil
				}
				return http.ProxyFromEnvironment(r)
			},
			ResponseHeaderTimeout: 60 * time.Second,
			TLSHandshakeTimeout:   30 * time.Second,
			MaxIdleConnsPerHost:   s.parallel,
			DisableCompression:    true, // hashes are of the files as they are
		}}
	}
	return s.client
}

// aptProxy returns the proxy that apt is set up with, nil if none.
func aptProxy(ctx context.Context, scheme string) *url.URL {
	out, err := exec.CommandContext(ctx, "apt-config", "dump", "--format", "%v%n", "Acquire::"+scheme+"::Proxy").Output()
	if err != nil {
		return nil
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	u, err := url.Parse(line)
	if err != nil || u.Host == "" { // among others "DIRECT"
		return nil
	}
	return u
}

func stderrOf(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return ": " + strings.TrimSpace(string(exit.Stderr))
	}
	return ""
}
