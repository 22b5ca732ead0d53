package store

import (
	"context"
	"database/sql"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/pressly/goose/v3"
	"pgregory.net/rapid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store/storetest"
)

// pgliteStore is a Store on a PostgreSQL that can have pgvector. It has one connection, and so it is not opened by Open.
func pgliteStore(t *testing.T) *Store {
	t.Helper()
	db, err := sql.Open("pgx", storetest.PGliteURL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	if _, err := migrate(t.Context(), goose.DialectPostgres, db, "migrations/postgres"); err != nil {
		t.Fatal(err)
	}
	return &Store{engine: postgresEngine(db), timeout: 30 * time.Second, now: time.Now}
}

// One server is started for all of it: that takes seconds.
func TestPgvector(t *testing.T) {
	t.Parallel()
	s := pgliteStore(t)
	other := openFile(t, filepath.Join(t.TempDir(), "authly.db"))
	inMemory := 0 // times that s had to do without pgvector
	s.engine.withoutVectors = func(err error) bool { inMemory++; return postgresWithoutVectors(err) }
	find := func(schema string) {
		t.Helper()
		for range 2 { // first it is made
			s.engine.nearest = nearestByVector(t.Context(), s.engine.writes, Options{}.withDefaults())
			if s.engine.nearest != orderByVector(schema) {
				t.Fatalf("the order is %q, want that of an extension in %s", s.engine.nearest, schema)
			}
		}
	}
	alike := func(name string, byVector bool) {
		t.Helper()
		inMemory = 0
		t.Run(name, func(t *testing.T) { sameOrder(t, s, other); sameRisk(t, s, other) })
		if (inMemory == 0) != byVector {
			t.Errorf("%s: %d times without pgvector", name, inMemory)
		}
	}
	execute := func(statement string) {
		t.Helper()
		if _, err := s.engine.writes.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	find("public")
	for _, statement := range []string{ // as in examples/postgres, whose database cannot be made here
		`CREATE ROLE authly_app`, `GRANT USAGE ON SCHEMA public TO authly_app`,
		`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO authly_app`,
		`GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO authly_app`, `SET ROLE authly_app`,
	} {
		execute(statement)
	}
	found := nearestByVector(t.Context(), s.engine.writes, Options{KeepSchema: true}.withDefaults())
	if found != orderByVector("public") {
		t.Errorf("the role that serves finds the order %q", found)
	}
	alike("in public, for the role that serves", true)
	execute(`RESET ROLE`)
	execute(`CREATE SCHEMA "Odd ""name"`)
	execute(`ALTER EXTENSION vector SET SCHEMA "Odd ""name"`)
	execute(`SET ROLE authly_app`)
	alike("moved while in use, to where the role may not go", false)
	if found := nearestByVector(t.Context(), s.engine.writes, Options{KeepSchema: true}.withDefaults()); found != "" {
		t.Errorf("the order is %q for a role that may not go there", found)
	}
	execute(`RESET ROLE`)
	find(`Odd "name`)
	alike("in another schema", true)
	execute(`DROP EXTENSION vector`)
	alike("dropped while in use", false)
	if found := nearestByVector(t.Context(), s.engine.writes, Options{KeepSchema: true}.withDefaults()); found != "" {
		t.Errorf("it was made where the schema is somebody else's: %q", found)
	}
}

// keepHistory makes a user with these sign-ins, on every store.
func keepHistory(t *rapid.T, all []authn.Arrival, stores ...*Store) uuid.UUID {
	id := uuid.New()
	for _, s := range stores {
		u := authn.User{ID: id, Username: id.String(), EmailKey: id.String(), PasswordHash: "x", Active: true}
		if err := s.CreateUser(t.Context(), u, storetest.By(time.Unix(0, 0))); err != nil {
			t.Fatal(err)
		}
		err := s.write(t.Context(), func(ctx context.Context, q querier) error {
			for _, a := range all {
				a.UserID = id
				if err := insertArrival(ctx, q, a); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return id
}

// sameOrder takes vectors of every length and direction, of which some are as near as others.
func sameOrder(t *testing.T, s, other *Store) {
	rapid.Check(t, func(rt *rapid.T) {
		component := rapid.OneOf(rapid.SampledFrom([]int8{-128, -1, 0, 1, 127}), rapid.Int8())
		vector := rapid.Custom(func(rt *rapid.T) authn.Vector {
			return authn.Vector(rapid.SliceOfN(component, authn.VectorSize, authn.VectorSize).Draw(rt, "components"))
		})
		var all []authn.Arrival
		for i, v := range rapid.SliceOfN(rapid.OneOf(vector, rapid.Just(authn.Vector{}), rapid.Just(authn.Vector{1})), 0, 8).Draw(rt, "vectors") {
			all = append(all, authn.Arrival{At: time.Unix(int64(i), 0).UTC(), Vector: v})
		}
		id, near := keepHistory(rt, all, s, other), vector.Draw(rt, "near")
		var orders [2][]time.Time
		for i, one := range []*Store{s, other} {
			found, err := one.Arrivals(rt.Context(), id, near)
			if err != nil || len(found) != len(all) {
				rt.Fatalf("%d sign-ins, error %v; want %d", len(found), err, len(all))
			}
			for _, a := range found {
				orders[i] = append(orders[i], a.At)
			}
		}
		if !slices.EqualFunc(orders[0], orders[1], time.Time.Equal) {
			rt.Fatalf("nearest first are\n%v in PostgreSQL and\n%v in SQLite", orders[0], orders[1])
		}
	})
}

// sameRisk takes sign-ins as they happen.
func sameRisk(t *testing.T, s, other *Store) {
	inMemory := &Store{engine: s.engine, timeout: s.timeout, now: s.now}
	inMemory.engine.nearest = ""
	rapid.Check(t, func(rt *rapid.T) {
		all := rapid.SliceOfN(signIns(), 0, 12).Draw(rt, "history")
		id, a := keepHistory(rt, all, s, other), signIns().Draw(rt, "sign-in")
		var risks []authn.Risk
		for _, one := range []*Store{s, inMemory, other} {
			found, err := one.Arrivals(rt.Context(), id, a.Vector)
			if err != nil {
				rt.Fatal(err)
			}
			risks = append(risks, authn.Assess(a, found))
		}
		for _, r := range risks[1:] {
			if r.Value != risks[0].Value || !slices.Equal(r.Reasons, risks[0].Reasons) {
				rt.Fatalf("by pgvector %+v, in memory and on SQLite %+v", risks[0], risks[1:])
			}
		}
	})
}

func signIns() *rapid.Generator[authn.Arrival] {
	return rapid.Custom(func(rt *rapid.T) authn.Arrival {
		var place authn.Place
		if rapid.Bool().Draw(rt, "located") {
			place = authn.Place{
				Country: rapid.SampledFrom([]string{"NO", "SE", "AU"}).Draw(rt, "country"), Located: true,
				Latitude: rapid.Float64Range(-90, 90).Draw(rt, "latitude"), Longitude: rapid.Float64Range(-180, 180).Draw(rt, "longitude"),
				ASN: rapid.Uint32Range(0, 3).Draw(rt, "asn"),
			}
		}
		from := authn.Client{
			Address:   netip.AddrFrom4([4]byte{192, 0, rapid.Byte().Draw(rt, "network"), 1}),
			UserAgent: rapid.SampledFrom([]string{"", "curl/8.0", "wget/1.0", "backup/2.0"}).Draw(rt, "agent"),
		}
		at := time.UnixMicro(rapid.Int64Range(0, 1e15).Draw(rt, "time")).UTC()
		return authn.NewArrival(uuid.Nil, at, from, place)
	})
}
