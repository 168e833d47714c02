package provisioning

import "log/slog"

// Secret is a password or a PIN. Printed or logged it is stars; only the
// document has it in full.
type Secret string

const stars = "****"

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return stars
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// LogValue hides the secret from logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Reveal gives the secret itself.
func (s Secret) Reveal() string { return string(s) }
