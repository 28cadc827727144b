// Oracle prints what Kubernetes' and CoreDNS' own code says about manifests and clusters.
//
// kubehop imitates that code in Rust. The goldens beside this folder are this program's output; the Rust tests
// compare with them, so only whoever writes or refreshes goldens needs Go. README.md has the commands.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

// A topic turns the text of one case into the text that upstream's code prints for it.
type topic struct {
	name string
	run  func(input []byte) ([]byte, error)
	// inputs names the topic whose cases are answered, where it is another one.
	inputs string
	// fuzz writes the input of the n-th generated case.
	fuzz func(r *random) []byte
}

func topics() []topic {
	return []topic{
		{name: "admission", run: runAdmission, fuzz: fuzzAdmission},
		{name: "updates", run: runAdmission, fuzz: fuzzUpdates},
		{name: "apimachinery", run: runAPIMachinery, fuzz: fuzzAPIMachinery},
		{name: "fields", run: runFields},
		{name: "yaml", run: runYAML, fuzz: fuzzYAML},
		{name: "describe", run: runDescribe},
		{name: "slices", run: runSlices, fuzz: fuzzSlices},
		{name: "dns", run: runDNS, fuzz: fuzzDNS},
		{name: "iptables", run: runIPTables, fuzz: fuzzRules},
		{name: "nftables", run: runNFTables, fuzz: fuzzRules, inputs: "iptables"},
	}
}

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	quiet()
	var err error
	switch command, args := os.Args[1], os.Args[2:]; command {
	case "goldens":
		err = goldens(args)
	case "fuzz":
		err = fuzz(args)
	case "run":
		err = runOne(args)
	default:
		usage()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

// quiet keeps upstream's own log lines off standard error.
func quiet() {
	klog.SetLogger(logr.Discard())
}

func usage() {
	fmt.Fprintln(os.Stderr, `usage:
  oracle goldens [--dir ../goldens] [--check] [TOPIC...]   write (or check) the .out beside every .yaml
  oracle fuzz --topic TOPIC --out DIR [--seed 1] [--count 100]
  oracle run TOPIC FILE                                    print the answer for one file`)
	os.Exit(2)
}

func find(name string) (topic, error) {
	for _, t := range topics() {
		if t.name == name {
			return t, nil
		}
	}
	return topic{}, fmt.Errorf("no topic %q", name)
}

func runOne(args []string) error {
	if len(args) != 2 {
		usage()
	}
	t, err := find(args[0])
	if err != nil {
		return err
	}
	input, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	out, err := t.run(input)
	if err == nil {
		os.Stdout.Write(out)
	}
	return err
}

// goldens runs every case of every topic, and writes the answers or compares them with those on disk.
func goldens(args []string) error {
	flags := flag.NewFlagSet("goldens", flag.ExitOnError)
	dir := flags.String("dir", "../goldens", "folder of the topics")
	check := flags.Bool("check", false, "compare instead of writing")
	flags.Parse(args)
	failed := 0
	for _, t := range topics() {
		if flags.NArg() > 0 && !contains(flags.Args(), t.name) {
			continue
		}
		folder := t.name
		if t.inputs != "" {
			folder = t.inputs
		}
		inputs, err := filepath.Glob(filepath.Join(*dir, folder, "*.yaml"))
		if err != nil {
			return err
		}
		if len(inputs) == 0 {
			return fmt.Errorf("no goldens in %s: name their folder with --dir", filepath.Join(*dir, folder))
		}
		sort.Strings(inputs)
		changed := 0
		for _, path := range inputs {
			input, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			out, err := t.run(input)
			if err != nil {
				fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
				failed++
				continue
			}
			golden := filepath.Join(*dir, t.name, strings.TrimSuffix(filepath.Base(path), ".yaml")+".out")
			before, err := os.ReadFile(golden)
			if err == nil && bytes.Equal(before, out) {
				continue
			}
			changed++
			if *check {
				fmt.Fprintf(os.Stderr, "%s differs from what upstream prints today\n", golden)
				failed++
			} else if err := os.WriteFile(golden, out, 0o644); err != nil {
				return err
			}
		}
		fmt.Printf("%s: %d goldens, %d changed\n", t.name, len(inputs), changed)
	}
	if failed > 0 {
		return fmt.Errorf("%d cases failed", failed)
	}
	return nil
}

// fuzz writes COUNT generated cases and their answers; case n depends on the seed and n only.
func fuzz(args []string) error {
	flags := flag.NewFlagSet("fuzz", flag.ExitOnError)
	name := flags.String("topic", "", "what to generate")
	out := flags.String("out", "", "folder to write to")
	seed := flags.Uint64("seed", 1, "seed")
	count := flags.Int("count", 100, "how many cases")
	flags.Parse(args)
	t, err := find(*name)
	if err != nil {
		return err
	}
	if *out == "" {
		return fmt.Errorf("--out is needed")
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	for n := 0; n < *count; n++ {
		input := t.fuzz(newRandom(*seed, uint64(n)))
		base := filepath.Join(*out, fmt.Sprintf("seed%d-%05d", *seed, n))
		answer, err := t.run(input)
		if err != nil {
			os.WriteFile(base+".failed.yaml", input, 0o644)
			return fmt.Errorf("%s: %w", base, err)
		}
		if err := os.WriteFile(base+".yaml", input, 0o644); err != nil {
			return err
		}
		if err := os.WriteFile(base+".out", answer, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
