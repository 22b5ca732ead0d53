package proxy_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/descoped/authly/proxy"
)

// Greeter is a gRPC service of two methods: Greet answers once, Chat answers every message as it comes.
type greeter struct{}

func greeterService() *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: "test.Greeter",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Greet", Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			var in wrapperspb.StringValue
			if err := decode(&in); err != nil {
				return nil, err
			}
			if in.Value == "" {
				return nil, status.Error(codes.InvalidArgument, "whom?")
			}
			return wrapperspb.String(in.Value + " from " + callerOf(ctx)), nil
		}}},
		Streams: []grpc.StreamDesc{{StreamName: "Chat", ServerStreams: true, ClientStreams: true, Handler: func(_ any, stream grpc.ServerStream) error {
			stream.SetTrailer(metadata.Pairs("x-caller", callerOf(stream.Context())))
			for {
				var in wrapperspb.StringValue
				if err := stream.RecvMsg(&in); errors.Is(err, io.EOF) {
					return status.Error(codes.Aborted, "enough")
				} else if err != nil {
					return err
				}
				if err := stream.SendMsg(&in); err != nil {
					return err
				}
			}
		}}},
	}
}

// callerOf returns what a service is told of its caller.
func callerOf(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	return strings.Join(append(md.Get("x-forwarded-user"), md.Get("authorization")...), "+")
}

func TestGRPC(t *testing.T) {
	certified, caFile := tlsServer(t, nil)
	for scheme, options := range map[string][]grpc.ServerOption{
		"h2c":   nil,
		"https": {grpc.Creds(credentials.NewServerTLSFromCert(&certified.TLS.Certificates[0]))},
	} {
		t.Run(scheme, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := grpc.NewServer(options...)
			server.RegisterService(greeterService(), greeter{})
			go server.Serve(listener)
			t.Cleanup(server.Stop)
			upstream := proxy.UpstreamConfig{URLs: []string{scheme + "://" + listener.Addr().String()}}
			if scheme == "https" {
				upstream.CAFile = caFile
			}
			testGRPC(t, newGateway(t, gatewayConfig{upstream: upstream}))
		})
	}
}

func testGRPC(t *testing.T, g *gateway) {
	conn, err := grpc.NewClient(g.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	as := func(token string) context.Context {
		return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token, "x-forwarded-user", "admin")
	}

	var out wrapperspb.StringValue
	if err := conn.Invoke(as("alice"), "/test.Greeter/Greet", wrapperspb.String("hello"), &out); err != nil || out.Value != "hello from alice" {
		t.Errorf("%q, %v", out.Value, err)
	}
	if err := conn.Invoke(as("stolen"), "/test.Greeter/Greet", wrapperspb.String("hello"), &out); status.Code(err) != codes.Unauthenticated {
		t.Errorf("by a bad token: %v", err)
	}
	if err := conn.Invoke(as("alice"), "/test.Greeter/Greet", wrapperspb.String(""), &out); status.Code(err) != codes.InvalidArgument || status.Convert(err).Message() != "whom?" {
		t.Errorf("the service's refusal arrives as %v", err)
	}

	stream, err := conn.NewStream(as("alice"), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/test.Greeter/Chat")
	if err != nil {
		t.Fatal(err)
	}
	for _, message := range []string{"one", "two", strings.Repeat("three", 100_000)} { // each is answered before the next is sent
		if err := stream.SendMsg(wrapperspb.String(message)); err != nil {
			t.Fatal(err)
		}
		if err := stream.RecvMsg(&out); err != nil || out.Value != message {
			t.Fatalf("%.20q, %v", out.Value, err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := stream.RecvMsg(&out); status.Code(err) != codes.Aborted || status.Convert(err).Message() != "enough" {
		t.Errorf("the stream ends with %v", err)
	}
	if caller := stream.Trailer().Get("x-caller"); len(caller) != 1 || caller[0] != "alice" {
		t.Errorf("trailer %q", caller)
	}
}
