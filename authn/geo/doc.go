// Package geo knows where addresses are, from a file in MaxMind's format (MaxMind DB File Format Specification 2.0).
//
// Such files come from several makers and say different things in different places: MaxMind and those who follow it nest what they
// say (country.iso_code), the free ones of ip-location-db have it flat (country_code); some know cities and coordinates, some
// countries alone, some who an address belongs to. Whatever a file does not say is not known, and nothing is guessed.
package geo
