package main

import (
	"math/rand/v2"
)

// random is a seeded source with the few draws that the generators need.
type random struct{ *rand.Rand }

func newRandom(seed, n uint64) *random { return &random{rand.New(rand.NewPCG(seed, n))} }

// chance is true in about one of n draws.
func (r *random) chance(n int) bool { return r.IntN(n) == 0 }

func pick[T any](r *random, list ...T) T { return list[r.IntN(len(list))] }
