package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	sysctltest "k8s.io/component-helpers/node/util/sysctl/testing"
	"k8s.io/kubernetes/pkg/proxy/conntrack"
	"k8s.io/kubernetes/pkg/proxy/healthcheck"
	"k8s.io/kubernetes/pkg/proxy/iptables"
	proxyutil "k8s.io/kubernetes/pkg/proxy/util"
	utiliptables "k8s.io/kubernetes/pkg/util/iptables"
	iptablestest "k8s.io/kubernetes/pkg/util/iptables/testing"
)

// recorder keeps the restore text and the jumps that kube-proxy hands to iptables.
type recorder struct {
	*iptablestest.FakeIPTables
	restored []byte
	jumps    map[utiliptables.Table]map[utiliptables.Chain][]string
}

func (r *recorder) RestoreAll(data []byte, flush utiliptables.FlushFlag, counters utiliptables.RestoreCountersFlag) error {
	r.restored = bytes.Clone(data)
	return nil
}

func (r *recorder) EnsureRule(position utiliptables.RulePosition, table utiliptables.Table, chain utiliptables.Chain, args ...string) (bool, error) {
	for i, arg := range args {
		if strings.Contains(arg, " ") {
			args[i] = fmt.Sprintf("%q", arg)
		}
	}
	rule := fmt.Sprintf("-A %s %s", chain, strings.Join(args, " "))
	if r.jumps[table] == nil {
		r.jumps[table] = map[utiliptables.Chain][]string{}
	}
	rules := r.jumps[table][chain]
	if position == utiliptables.Prepend {
		rules = append([]string{rule}, rules...)
	} else {
		rules = append(rules, rule)
	}
	r.jumps[table][chain] = rules
	return false, nil
}

// runIPTables prints kube-proxy's restore text for one node, its Services sorted, and then the jumps from the
// built-in chains.
func runIPTables(input []byte) ([]byte, error) {
	c, node, nodeIP, err := readNode(input)
	if err != nil {
		return nil, err
	}
	fake := iptablestest.NewFake()
	fake.SetHasRandomFully(true)
	tables := &recorder{FakeIPTables: fake, jumps: map[utiliptables.Table]map[utiliptables.Chain][]string{}}
	proxier, err := iptables.NewProxier(context.Background(), v1.IPv4Protocol, tables, sysctltest.NewFake(),
		30*time.Second, time.Second, false, true, masqueradeBit, proxyutil.NewDetectLocalByCIDR(podCIDR),
		node.Name, nodeIP, nil, nil, nil, false)
	if err != nil {
		return nil, err
	}
	setField(proxier, "conntrack", conntrack.NewFake())
	setField(proxier, "serviceHealthServer", healthcheck.NewFakeServiceHealthServer())
	setField(proxier, "networkInterfacer", fakeInterfaces(nodeIP))
	// The nfacct counters are left out: a text with them can only be loaded where kube-proxy made them.
	setField(proxier, "nfacct", nil)
	proxier.OnTopologyChange(node.Labels)
	services := c.proxiedServices()
	for _, s := range services {
		proxier.OnServiceAdd(s)
	}
	for _, s := range c.proxiedSlices() {
		proxier.OnEndpointSliceAdd(s)
	}
	proxier.OnServiceSynced()
	proxier.OnEndpointSlicesSynced()
	sorted, err := sortServices(string(tables.restored), services)
	if err != nil {
		return nil, err
	}
	return []byte(sorted + jumpText(tables)), nil
}

func jumpText(tables *recorder) string {
	var out strings.Builder
	for _, table := range []utiliptables.Table{utiliptables.TableFilter, utiliptables.TableNAT} {
		fmt.Fprintf(&out, "# jumps *%s\n", table)
		var chains []string
		for chain := range tables.jumps[table] {
			chains = append(chains, string(chain))
		}
		sort.Strings(chains)
		for _, chain := range chains {
			for _, rule := range tables.jumps[table][utiliptables.Chain(chain)] {
				out.WriteString(rule + "\n")
			}
		}
	}
	return out.String()
}

var (
	serviceChain   = regexp.MustCompile(`KUBE-(?:SVC|SVL|EXT|FW)-([A-Z2-7]{16})`)
	endpointJump   = regexp.MustCompile(`^-A KUBE-(?:SVC|SVL)-([A-Z2-7]{16}) .*-j (KUBE-SEP-[A-Z2-7]{16})`)
	endpointOf     = regexp.MustCompile(`^(?:-A |:)(KUBE-SEP-[A-Z2-7]{16}) `)
	endpointTarget = regexp.MustCompile(`^-A (KUBE-SEP-[A-Z2-7]{16}) .*--to-destination (\S+)`)
	endpointName   = regexp.MustCompile(`KUBE-SEP-[A-Z2-7]{16}`)
	commentName    = regexp.MustCompile(`--comment "?([^ "]+/[^ "]+)`)
)

// sortServices brings the Service ports, which upstream writes in the order of a Go map, into the order of their
// names. The lines of one Service port stay together and in upstream's order.
func sortServices(text string, services []*v1.Service) (string, error) {
	names := map[string]string{}
	known := map[string]bool{}
	for _, s := range services {
		for _, p := range s.Spec.Ports {
			name := s.Namespace + "/" + s.Name
			if p.Name != "" {
				name += ":" + p.Name
			}
			known[name] = true
			sum := sha256.Sum256([]byte(name + strings.ToLower(string(p.Protocol))))
			names[base32.StdEncoding.EncodeToString(sum[:])[:16]] = name
		}
	}
	lines := strings.SplitAfter(text, "\n")
	owner := map[string]string{}
	endpoint := map[string]string{}
	for _, line := range lines {
		if m := endpointTarget.FindStringSubmatch(line); m != nil {
			endpoint[m[1]] = m[2]
		}
		if m := endpointJump.FindStringSubmatch(line); m != nil {
			owner[m[2]] = names[m[1]]
		}
	}
	nameOf := func(line string) string {
		if m := serviceChain.FindStringSubmatch(line); m != nil {
			return names[m[1]]
		}
		if m := endpointName.FindString(line); m != "" {
			return owner[m]
		}
		if m := commentName.FindStringSubmatch(line); m != nil && known[m[1]] {
			return m[1]
		}
		return ""
	}
	// The endpoints of a Service come last in its lines, by name, but where cluster-wide and local endpoints differ
	// upstream joins them in the order of a Go map.
	byEndpoint := func(a, b string) int {
		first, second := endpointOf.FindStringSubmatch(a), endpointOf.FindStringSubmatch(b)
		if first == nil || second == nil {
			return 0
		}
		return strings.Compare(endpoint[first[1]], endpoint[second[1]])
	}
	var out strings.Builder
	var group []string
	groups := map[string][]string{}
	flush := func() {
		sort.Strings(group)
		for _, name := range group {
			if at := slices.IndexFunc(groups[name], endpointOf.MatchString); at >= 0 {
				slices.SortStableFunc(groups[name][at:], byEndpoint)
			}
			out.WriteString(strings.Join(groups[name], ""))
		}
		group, groups = nil, map[string][]string{}
	}
	// A block of one chain's Service lines ends at the next line that no Service owns.
	for _, line := range lines {
		name := nameOf(line)
		if name == "" {
			flush()
			out.WriteString(line)
			continue
		}
		if _, seen := groups[name]; !seen {
			group = append(group, name)
		}
		groups[name] = append(groups[name], line)
	}
	flush()
	return out.String(), nil
}
