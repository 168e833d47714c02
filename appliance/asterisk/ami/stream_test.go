package ami

import "strings"

// stream is one call to a queue, as the events filtered for the proxy are:
// from the first ring to the last hang-up.
var stream = strings.ReplaceAll(`Event: Newchannel
Privilege: call,all
Timestamp: 1795365474.102938
SystemName: cc1
Channel: DAHDI/25-1
ChannelState: 4
ChannelStateDesc: Ring
CallerIDNum: 13800138000
CallerIDName: <unknown>
ConnectedLineNum: <unknown>
ConnectedLineName: <unknown>
Language: zh
AccountCode: 
Context: lines-main
Exten: s
Priority: 1
Uniqueid: cc1-1795365474.0
Linkedid: cc1-1795365474.0

Event: Newstate
Privilege: call,all
Channel: DAHDI/25-1
ChannelState: 6
ChannelStateDesc: Up
CallerIDNum: 13800138000
CallerIDName: <unknown>
ConnectedLineNum: <unknown>
ConnectedLineName: <unknown>
Language: zh
AccountCode: 
Context: lines-main
Exten: s
Priority: 2
Uniqueid: cc1-1795365474.0
Linkedid: cc1-1795365474.0
ChanVariable: DNIS=4001
ChanVariable: CALLREF=cc1-1795365474.0

Event: QueueCallerJoin
Privilege: agent,all
Channel: DAHDI/25-1
ChannelState: 6
ChannelStateDesc: Up
CallerIDNum: 13800138000
CallerIDName: <unknown>
ConnectedLineNum: <unknown>
ConnectedLineName: <unknown>
Language: zh
AccountCode: 
Context: queues
Exten: 600
Priority: 3
Uniqueid: cc1-1795365474.0
Linkedid: cc1-1795365474.0
ChanVariable: CALLREF=cc1-1795365474.0
Queue: 600
Position: 1
Count: 1

Event: DeviceStateChange
Privilege: call,all
Device: DAHDI/1
State: RINGING

Event: QueueMemberStatus
Privilege: agent,all
Queue: 600
MemberName: 811
Interface: Local/811*1001@agents
StateInterface: DAHDI/1
Membership: dynamic
Penalty: 0
CallsTaken: 3
LastCall: 1795365000
LastPause: 0
LoginTime: 1795360000
InCall: 0
Status: 6
Paused: 0
PausedReason: 
Ringinuse: 0
Wrapuptime: 0

Event: BridgeCreate
Privilege: call,all
BridgeUniqueid: 5f7f9a5e-8f1e-4a11-b1f7-2f7a3a1a9f10
BridgeType: basic
BridgeTechnology: simple_bridge
BridgeCreator: <unknown>
BridgeName: <unknown>
BridgeNumChannels: 0
BridgeVideoSourceMode: none

Event: BridgeEnter
Privilege: call,all
BridgeUniqueid: 5f7f9a5e-8f1e-4a11-b1f7-2f7a3a1a9f10
BridgeType: basic
BridgeTechnology: simple_bridge
BridgeCreator: <unknown>
BridgeName: <unknown>
BridgeNumChannels: 1
BridgeVideoSourceMode: none
Channel: DAHDI/1-1
ChannelState: 6
ChannelStateDesc: Up
CallerIDNum: 811
CallerIDName: Agent 811
ConnectedLineNum: 13800138000
ConnectedLineName: <unknown>
Language: zh
AccountCode: 
Context: agents
Exten: 
Priority: 1
Uniqueid: cc1-1795365480.3
Linkedid: cc1-1795365474.0
ChanVariable: AGENT=811

Event: Hangup
Privilege: call,all
Channel: DAHDI/25-1
ChannelState: 6
ChannelStateDesc: Up
CallerIDNum: 13800138000
CallerIDName: <unknown>
ConnectedLineNum: 811
ConnectedLineName: Agent 811
Language: zh
AccountCode: 
Context: queues
Exten: 600
Priority: 3
Uniqueid: cc1-1795365474.0
Linkedid: cc1-1795365474.0
Cause: 16
Cause-txt: Normal Clearing

`, "\n", "\r\n")
