package main

import (
	"context"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/proxy/conntrack"
	"k8s.io/kubernetes/pkg/proxy/healthcheck"
	"k8s.io/kubernetes/pkg/proxy/nftables"
	proxyutil "k8s.io/kubernetes/pkg/proxy/util"
	"sigs.k8s.io/knftables"
)

// runNFTables prints the table that kube-proxy builds in nftables mode, as knftables dumps it: sorted by name.
func runNFTables(input []byte) ([]byte, error) {
	c, node, nodeIP, err := readNode(input)
	if err != nil {
		return nil, err
	}
	// The default of nodePortAddresses in this mode is "primary", which the kube-proxy command turns into this.
	proxier, err := nftables.NewProxier(context.Background(), v1.IPv4Protocol, 30*time.Second, time.Second, false,
		masqueradeBit, proxyutil.NewDetectLocalByCIDR(podCIDR), node.Name, nodeIP, nil, nil,
		[]string{nodeIP.String() + "/32"}, false)
	if err != nil {
		return nil, err
	}
	fake := knftables.NewFake(knftables.IPv4Family, "kube-proxy")
	setField(proxier, "nftables", fake)
	setField(proxier, "conntrack", conntrack.NewFake())
	setField(proxier, "serviceHealthServer", healthcheck.NewFakeServiceHealthServer())
	setField(proxier, "networkInterfacer", fakeInterfaces(nodeIP))
	proxier.OnServiceCIDRsChanged([]string{serviceCIDR})
	proxier.OnTopologyChange(node.Labels)
	for _, s := range c.proxiedServices() {
		proxier.OnServiceAdd(s)
	}
	for _, s := range c.proxiedSlices() {
		proxier.OnEndpointSliceAdd(s)
	}
	proxier.OnServiceSynced()
	proxier.OnEndpointSlicesSynced()
	return []byte(sortElements(fake.Dump())), nil
}

// sortElements sorts the elements of each set and map, which upstream adds in the order of a Go map.
func sortElements(dump string) string {
	lines := strings.SplitAfter(dump, "\n")
	first := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "add element ") })
	if first >= 0 {
		slices.SortStableFunc(lines[first:len(lines)-1], func(a, b string) int {
			if order := strings.Compare(setName(a), setName(b)); order != 0 {
				return order
			}
			return strings.Compare(a, b)
		})
	}
	return strings.Join(lines, "")
}

func setName(line string) string {
	if fields := strings.Fields(line); len(fields) > 4 {
		return fields[4]
	}
	return ""
}
