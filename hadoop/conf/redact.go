package conf

import "regexp"

const hidden = "<redacted>"

// secretKey matches the keys whose whole value is a secret.
var secretKey = regexp.MustCompile(`(?i)(password|passwd|passphrase|secret|credential|keystore\.pass|secret\.?key|session\.(key|token)|oauth2?\..*(token|password)|account\.key|encryption\.key)s?$|^fs\.azure\.account\.key\.|sensitive-config-keys`)

// notSecret matches the keys that look like one and only say where it is.
var notSecret = regexp.MustCompile(`(?i)(file|path|dir|provider)s?$`)

var (
	// urlPassword is the password of scheme://user:password@host. It is greedy,
	// because a password may hold every delimiter of a URL.
	urlPassword   = regexp.MustCompile(`(://[^\s:/@,]*:)\S*@`)
	queryPassword = regexp.MustCompile(`(?i)([?&;](?:password|passwd|pwd|secret|token|delegation)=)[^&;\s]*`)
)

// Redacted is Get for printing: the value of a key that names a secret is
// hidden, and of other values the passwords inside URLs.
func (c *Config) Redacted(key string) string {
	s := c.Get(key)
	if s != "" && secretKey.MatchString(key) && !notSecret.MatchString(key) {
		return hidden
	}
	return RedactText(s)
}

// RedactText hides the passwords of the URLs in s.
func RedactText(s string) string {
	s = urlPassword.ReplaceAllString(s, "${1}"+hidden+"@")
	return queryPassword.ReplaceAllString(s, "${1}"+hidden)
}
