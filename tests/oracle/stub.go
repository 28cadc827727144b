package main

func fuzzRules(r *random) []byte { return nil }
