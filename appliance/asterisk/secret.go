package asterisk

import (
	"crypto/rand"
)

// Secret returns the secret of a user of the manager's connection, which is
// made up at boot and kept beside Asterisk's files, in memory.
func Secret(dir, user string) (string, error) {
	t := tree{dir}
	unlock, err := t.lock("secrets")
	if err != nil {
		return "", err
	}
	defer unlock()
	secrets := map[string]string{}
	if t.kept("secrets", &secrets); secrets[user] != "" {
		return secrets[user], nil
	}
	secrets[user] = rand.Text()
	return secrets[user], t.keep("secrets", secrets)
}
