package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

const arrivalColumns = `position, user_id, at, client_address, network, device, country, city, latitude, longitude, accuracy, asn, vector`

// Arrivals returns the user's last sign-ins, the nearest first. Where the database has pgvector it sorts them, and else this
// does. Both come to the same order: see authn.Vector.
func (s *Store) Arrivals(ctx context.Context, userID uuid.UUID, near authn.Vector) (all []authn.Arrival, err error) {
	err = s.read(ctx, func(ctx context.Context, q querier) (err error) {
		if s.engine.nearest != "" {
			all, err = queryArrivals(ctx, q, s.engine.nearest, userID.String(), vectorText(near))
			if err == nil || !s.engine.withoutVectors(err) {
				return err
			}
		}
		all, err = queryArrivals(ctx, q, ``, userID.String())
		authn.SortArrivals(all, near)
		return err
	})
	return all, err
}

// queryArrivals reads the sign-ins of user $1, in an order if one is given.
func queryArrivals(ctx context.Context, q querier, order string, args ...any) ([]authn.Arrival, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+arrivalColumns+` FROM sign_ins WHERE user_id = $1`+order, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, scanArrival)
}

func scanArrival(rows *sql.Rows) (a authn.Arrival, err error) {
	var at int64
	var latitude, longitude, accuracy sql.NullFloat64
	var vector string
	p := &a.Place
	if err := rows.Scan(&a.Kept, &a.UserID, &at, &a.Address, &a.Network, &a.Device, &p.Country, &p.City,
		&latitude, &longitude, &accuracy, &p.ASN, &vector); err != nil {
		return a, err
	}
	a.At, p.Located = fromMicros(at), latitude.Valid && longitude.Valid
	p.Latitude, p.Longitude, p.Accuracy = latitude.Float64, longitude.Float64, accuracy.Float64
	a.Vector, err = parseVector(vector)
	return a, err
}

func parseVector(text string) (v authn.Vector, err error) {
	var components []int8
	if err := json.Unmarshal([]byte(text), &components); err != nil || len(components) != len(v) {
		return v, fmt.Errorf("the vector of a sign-in has %d components: %v", len(components), err)
	}
	return authn.Vector(components), nil
}

// insertArrival adds a sign-in to its user's history, whose row is locked, and removes what is too old.
func insertArrival(ctx context.Context, q querier, a authn.Arrival) error {
	p := a.Place
	located := func(x float64) any {
		if !p.Located {
			return nil
		}
		return x
	}
	_, err := q.ExecContext(ctx, `INSERT INTO sign_ins (user_id, at, client_address, network, device, country, city, latitude,
			longitude, accuracy, asn, vector) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		a.UserID.String(), micros(a.At), a.Address, a.Network, a.Device, p.Country, p.City,
		located(p.Latitude), located(p.Longitude), located(p.Accuracy), int64(p.ASN), vectorText(a.Vector))
	if err != nil {
		return fmt.Errorf("keeping a sign-in: %w", err)
	}
	_, err = q.ExecContext(ctx, `DELETE FROM sign_ins WHERE user_id = $1 AND position <=
		(SELECT position FROM sign_ins WHERE user_id = $1 ORDER BY position DESC LIMIT 1 OFFSET $2)`,
		a.UserID.String(), authn.HistorySize)
	return err
}

func checkArrival(session authn.Session) error {
	a := session.Arrival
	if a == nil {
		return nil
	}
	if a.UserID != session.UserID {
		return errors.New("store: a sign-in is kept in its own user's history")
	}
	return checkTexts(text{"client address", a.Address, keyLimit}, text{"network", a.Network, keyLimit},
		text{"device", a.Device, keyLimit}, text{"country", a.Place.Country, keyLimit}, text{"city", a.Place.City, keyLimit})
}

// vectorText is a vector as pgvector reads and writes it, which is also how JSON writes an array of numbers.
func vectorText(v authn.Vector) string {
	encoded, _ := json.Marshal(v) // of whole numbers: cannot fail
	return string(encoded)
}
