package headers_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/descoped/authly/headers"
)

func TestExchange(t *testing.T) {
	x := &headers.Exchange{ID: "1"}
	ctx, cancel := context.WithCancel(headers.WithExchange(t.Context(), x))
	defer cancel()
	headers.ExchangeOf(ctx).Route = "assets"
	if headers.ExchangeOf(ctx) != x || x.Route != "assets" {
		t.Error("what is filled in on the way is lost")
	}
	inner := &headers.Exchange{ID: "2"}
	if headers.ExchangeOf(headers.WithExchange(ctx, inner)) != inner || headers.ExchangeOf(ctx) != x {
		t.Error("the nearest Exchange does not count")
	}
	for _, empty := range []context.Context{t.Context(), headers.WithExchange(ctx, nil)} {
		got := headers.ExchangeOf(empty)
		if got == nil || !reflect.DeepEqual(*got, headers.Exchange{}) {
			t.Fatalf("got %+v, want an empty Exchange", got)
		}
		got.Route = "lost"
		if headers.ExchangeOf(empty).Route != "" {
			t.Error("two requests share an empty Exchange")
		}
	}
}
