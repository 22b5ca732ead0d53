package pgserver

import (
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
)

// RunScript has psql run a file on a database, as the role in its URL. variables are those of psql, each as name=value.
func RunScript(database *url.URL, file string, variables ...string) error {
	psql, err := exec.LookPath("psql")
	if err != nil {
		bin, findErr := findPostgres()
		if findErr != nil {
			return errors.Join(err, findErr)
		}
		psql = filepath.Join(bin, "psql")
	}
	arguments := []string{"--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", file}
	for _, variable := range variables {
		arguments = append(arguments, "--set", variable)
	}
	if out, err := exec.Command(psql, append(arguments, database.String())...).CombinedOutput(); err != nil {
		return fmt.Errorf("psql: %w\n%s", err, out)
	}
	return nil
}
