// Package sitetest makes site documents for tests and benchmarks.
package sitetest

import (
	"fmt"
	"strconv"

	"switchroom/provisioning"
)

// Large is a valid, complete site with so many extensions over SIP (from
// 10001), agents (from 20001) and queues (from 30001), an SIP trunk with a DID
// for every queue, and a menu in front of the first nine of them. Agents serve
// three queues each. It has at most 9999 of each and at least one queue.
func Large(extensions, agents, queues int) provisioning.Site {
	s := provisioning.New[provisioning.Site]()
	s.Country, s.Language, s.TimeZone, s.AreaCode = "cn", "zh-CN", "Asia/Shanghai", "010"
	trunk := provisioning.New[provisioning.Trunk]()
	trunk.Name, trunk.Peer, trunk.MaxCalls = "carrier", &provisioning.Peer{Addresses: []string{"192.0.2.1"}}, 200
	s.Trunks = []provisioning.Trunk{trunk}
	for i := range extensions {
		e := provisioning.New[provisioning.Extension]()
		phone := provisioning.New[provisioning.SIPPhone]()
		phone.Secret = provisioning.Secret(fmt.Sprintf("extension-secret-%d", i))
		e.Number, e.Name, e.SIP = strconv.Itoa(10001+i), fmt.Sprintf("座席 %d", i+1), &phone
		if i%3 == 0 {
			e.Voicemail = &provisioning.Mailbox{PIN: "1234"}
		}
		s.Extensions = append(s.Extensions, e)
	}
	menu := provisioning.New[provisioning.IVR]()
	menu.Name, menu.Greeting, menu.Keys = "main", []string{"welcome"}, map[string]provisioning.Destination{}
	for i := range queues {
		q := provisioning.New[provisioning.Queue]()
		q.Number, q.Name, q.Rating = strconv.Itoa(30001+i), fmt.Sprintf("队列 %d", i+1), true
		q.Keys = map[string]provisioning.Destination{"1": provisioning.To(provisioning.ToCallback, q.Number)}
		q.WhenTimeout = provisioning.To(provisioning.ToQueue, strconv.Itoa(30001+(i+1)%queues))
		if queues == 1 {
			q.WhenTimeout = provisioning.Destination(provisioning.ToBusy)
		}
		s.Queues = append(s.Queues, q)
		if i < 9 {
			menu.Keys[strconv.Itoa(i+1)] = provisioning.To(provisioning.ToQueue, q.Number)
		}
		s.Inbound = append(s.Inbound, provisioning.InboundRoute{From: []string{trunk.Name}, DID: []string{fmt.Sprintf("8765%04d", i)},
			To: provisioning.To(provisioning.ToQueue, q.Number)})
	}
	for i := range agents {
		a := provisioning.New[provisioning.Agent]()
		a.Number, a.Name, a.PIN = strconv.Itoa(20001+i), fmt.Sprintf("员工 %d", i+1), "1234"
		a.Queues = map[string]int{}
		for k := range min(3, queues) {
			a.Queues[strconv.Itoa(30001+(i+k)%queues)] = k
		}
		s.Agents = append(s.Agents, a)
	}
	s.IVRs = []provisioning.IVR{menu}
	s.Inbound = append(s.Inbound, provisioning.InboundRoute{From: []string{trunk.Name}, To: "ivr:main"})
	s.Prompts = []provisioning.Prompt{{Name: "welcome", Text: map[string]string{"zh-CN": "您好，欢迎致电。", "en": "Welcome."}}}
	out := provisioning.New[provisioning.OutboundRoute]()
	out.Name, out.Patterns, out.Strip, out.Via = "outside", []string{"9."}, 1, []provisioning.Via{{Way: trunk.Name, CostPerMinute: 0.1}}
	s.Outbound = []provisioning.OutboundRoute{out}
	s.Recording.What = []string{"queue"}
	return s.Complete(provisioning.Ports{})
}
