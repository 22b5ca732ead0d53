package secret

import "context"

// Provider is where secrets come from. Names are those of the variables that hold them, such as JWT_SECRET_KEY, whatever the
// provider. It is safe for concurrent use.
//
// Environment, Files and Static are what there is; one that asks a service for secrets would be one more.
type Provider interface {
	// Secret returns the secret of that name, and whether there is one; the caller releases it. An error is about where it is
	// kept, in words that follow the name of that place, and never repeats what is kept there. It is as it was given, but for
	// the one line end that editors and echo put behind the content of a file.
	Secret(ctx context.Context, name string) (Bytes, bool, error)
}

// text is a secret on its way out of a provider that has it as text.
func text(memory *Memory, value string) Bytes { return memory.Take([]byte(value)) }
