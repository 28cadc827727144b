package main

func fuzzAdmission(r *random) []byte { return nil }
func fuzzRules(r *random) []byte     { return nil }
func fuzzSlices(r *random) []byte    { return nil }
func fuzzDNS(r *random) []byte       { return nil }
