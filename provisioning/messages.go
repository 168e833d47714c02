package provisioning

import (
	"maps"
	"slices"
)

// Code says what sort of fault a [Fault] is.
type Code string

// Faults of the text.
const (
	BadJSON          Code = "bad-json"
	Truncated        Code = "truncated"
	Trailing         Code = "trailing"
	TooLarge         Code = "too-large"
	TooDeep          Code = "too-deep"
	GivenTwice       Code = "given-twice"
	UnknownField     Code = "unknown-field"
	UnknownFieldNear Code = "unknown-field-near"
	Missing          Code = "missing"
	WantObject       Code = "want-object"
	WantList         Code = "want-list"
	WantString       Code = "want-string"
	WantBool         Code = "want-bool"
	WantInt          Code = "want-int"
	WantNumber       Code = "want-number"
	WrongVersion     Code = "wrong-version"
)

// Faults of single values.
const (
	Empty          Code = "empty"
	OutOfRange     Code = "out-of-range"
	NotOneOf       Code = "not-one-of"
	BadNumber      Code = "bad-number"
	BadID          Code = "bad-id"
	BadName        Code = "bad-name"
	BadText        Code = "bad-text"
	BadKey         Code = "bad-key"
	BadReasonKey   Code = "bad-reason-key"
	BadCode        Code = "bad-code"
	BadDigits      Code = "bad-digits"
	BadPhone       Code = "bad-phone"
	BadDial        Code = "bad-dial"
	BadPattern     Code = "bad-pattern"
	BadAreaCode    Code = "bad-area-code"
	BadPIN         Code = "bad-pin"
	BadPassword    Code = "bad-password"
	BadUser        Code = "bad-user"
	BadHost        Code = "bad-host"
	BadFile        Code = "bad-file"
	BadSound       Code = "bad-sound"
	BadTime        Code = "bad-time"
	BadDate        Code = "bad-date"
	BadLanguage    Code = "bad-language"
	BadTimeZone    Code = "bad-time-zone"
	BadDestination Code = "bad-destination"
	NoTarget       Code = "no-target"
	Dangling       Code = "dangling"
)

// Faults of things that don't fit together.
const (
	DanglingAuto    Code = "dangling-auto"
	DuplicateNumber Code = "duplicate-number"
	DuplicateName   Code = "duplicate-name"
	DuplicatePort   Code = "duplicate-port"
	Repeated        Code = "repeated"
	IsEmergency     Code = "is-emergency"
	BadParking      Code = "bad-parking"
	InParking       Code = "in-parking"
	TakesOwn        Code = "takes-own"
	PatternShadowed Code = "pattern-shadowed"
	EmergencyRoute  Code = "emergency-route"
	StripTooMuch    Code = "strip-too-much"
	CodeClash       Code = "code-clash"
	WrongUse        Code = "wrong-use"
	PBXWithoutLine  Code = "pbx-without-line"
	OnePhone        Code = "one-phone"
	OneTrunk        Code = "one-trunk"
	SRTPNeedsTLS    Code = "srtp-needs-tls"
	RouteShadowed   Code = "route-shadowed"
	UnroutedLine    Code = "unrouted-line"
	EmptyGroup      Code = "empty-group"
	EmptyHours      Code = "empty-hours"
	DaysBackwards   Code = "days-backwards"
	DayTwice        Code = "day-twice"
	NoKeys          Code = "no-keys"
	KeyTwice        Code = "key-twice"
	NoSound         Code = "no-sound"
	NoticeUnused    Code = "notice-unused"
	NobodyCan       Code = "nobody-can"
	NoRoute         Code = "no-route"
	NoWayOut        Code = "no-way-out"
	DIDNeverComes   Code = "did-never-comes"
	Loop            Code = "loop"
	NoExit          Code = "no-exit"
	Unreachable     Code = "unreachable"
)

// messages are the faults in words: what is wrong, and what to do.
var messages = map[Code]struct{ en, zh string }{
	BadJSON:          {"line %d, column %d is no JSON: %q can't stand here; look for a comma or a quote that is missing, or too many", "第 %d 行第 %d 列不是有效的 JSON：此处不能是 %q；请检查是否缺少或多了逗号、引号，或用了中文标点"},
	Truncated:        {"the document ends too early, in line %d: a quote, a brace or a bracket is not closed", "文档在第 %d 行意外结束：有引号、花括号或方括号没有闭合"},
	Trailing:         {"something follows the document in line %d: take it away", "第 %d 行：文档结束之后还有内容，请删除"},
	TooLarge:         {"the document is larger than %d MiB", "文档超过 %d MiB"},
	TooDeep:          {"line %d: lists or objects within each other more than 20 times", "第 %d 行：列表或对象嵌套超过 20 层"},
	GivenTwice:       {"given twice: keep one of them", "重复给出：请只保留一个"},
	UnknownField:     {"unknown field; known here: %s", "未知字段；此处可用的字段：%s"},
	UnknownFieldNear: {"unknown field; did you mean %s?", "未知字段；您是否想写 %s？"},
	Missing:          {"missing: it must be given", "缺少此字段：必须填写"},
	WantObject:       {"want an object, not %s", "应为对象 {…}，而不是 %s"},
	WantList:         {"want a list, not %s", "应为列表 […]，而不是 %s"},
	WantString:       {"want a string in quotes, not %s", "应为带引号的字符串，而不是 %s"},
	WantBool:         {"want true or false, not %s", "应为 true 或 false，而不是 %s"},
	WantInt:          {"want a whole number, not %s", "应为整数，而不是 %s"},
	WantNumber:       {"want a number, not %s", "应为数字，而不是 %s"},
	WrongVersion:     {"the document has version %d, this firmware reads up to %d: update the firmware, or use a document of this version", "文档版本为 %d，本固件最高支持 %d：请升级固件，或改用此版本的文档"},

	Empty:          {"the list is empty: give at least one", "列表为空：至少填写一项"},
	OutOfRange:     {"%s is not between %s and %s", "%s 不在 %s 到 %s 之间"},
	NotOneOf:       {"%q is not one of %s", "%q 不是以下之一：%s"},
	BadNumber:      {"%q is not a number of 2 to 8 digits", "%q 不是 2 到 8 位数字的号码"},
	BadID:          {"%q is not a name of up to 31 small letters, digits and hyphens, such as main-menu", "%q 不是有效的标识：只能用小写字母、数字和连字符，最多 31 个，例如 main-menu"},
	BadName:        {"%q is longer than 40 characters (26 Chinese ones), begins or ends with a space, or has a character that a telephone can't show", "%q 超过 40 个字符（汉字 26 个），以空格开头或结尾，或含有话机无法显示的字符"},
	BadText:        {"%q is no text in one line of up to 1000 characters", "%q 不是一行以内、不超过 1000 字的文字"},
	BadKey:         {"%q is no key: 0 to 9, * or #", "%q 不是按键：请用 0 到 9、* 或 #"},
	BadReasonKey:   {"%q is no key for a reason: 1 to 9", "%q 不能作为原因按键：请用 1 到 9"},
	BadCode:        {"%q is no feature code: * or # and up to 5 more keys, such as *45", "%q 不是功能码：应以 * 或 # 开头，后面最多 5 个按键，例如 *45"},
	BadDigits:      {"%q has something else than digits, *, # and +", "%q 含有数字、*、#、+ 以外的字符"},
	BadPhone:       {"%q is no telephone number: digits, with + in front and spaces or hyphens between them if you like", "%q 不是电话号码：请填写数字，可带 + 号、空格和连字符"},
	BadDial:        {"%q can't be dialled: write digits only, as a telephone here would dial them, with the prefix for outside", "%q 无法拨号：只写数字，按本机话机的拨法，包括外线前缀"},
	BadPattern:     {"%q is no pattern: digits, X (0-9), Z (1-9), N (2-9), [1-5], and . (one or more) or ! (any number) at the end", "%q 不是号码模式：可用数字、X（0-9）、Z（1-9）、N（2-9）、[1-5]，末尾可用 .（一位以上）或 !（任意位）"},
	BadAreaCode:    {"%q is no area code: up to 6 digits, such as 010", "%q 不是区号：最多 6 位数字，例如 010"},
	BadPIN:         {"%s is no PIN of 4 to 8 digits", "%s 不是 4 到 8 位数字的密码"},
	BadPassword:    {"%s is no password of 8 to 64 letters, digits and marks, without spaces, ; \" and \\", "%s 不是有效的密码：8 到 64 个字母、数字或符号，不含空格、; \" 和 \\"},
	BadUser:        {"%q is no user name of a SIP account", "%q 不是 SIP 账号的用户名"},
	BadHost:        {"%q is no host: a name or an address, with :port if it is not the usual one", "%q 不是主机：请填写域名或地址，端口不同寻常时加 :端口"},
	BadFile:        {"%q is not the name of a file: letters, digits, . _ and -", "%q 不是文件名：只能用字母、数字、. _ 和 -"},
	BadSound:       {"%q is not the name of a sound of the firmware, such as sound:vm-goodbye", "%q 不是固件自带语音的名称，例如 sound:vm-goodbye"},
	BadTime:        {"%q is no time of day: HH:MM, up to 24:00", "%q 不是时刻：格式为 HH:MM，最大 24:00"},
	BadDate:        {"%q is no date: YYYY-MM-DD", "%q 不是日期：格式为 YYYY-MM-DD"},
	BadLanguage:    {"%q is not one of en, zh-CN", "%q 不是以下之一：en、zh-CN"},
	BadTimeZone:    {"%q is not the name of a time zone, such as Asia/Shanghai", "%q 不是时区名称，例如 Asia/Shanghai"},
	BadDestination: {"%q is no destination: kind and what, such as queue:600; kinds are %s", "%q 不是去向：应为 类型:名称，例如 queue:600；类型有 %s"},
	NoTarget:       {"%s takes nothing behind a colon: write it alone", "%s 后面不带冒号和内容：请单独写"},
	Dangling:       {"there is no %[1]s %[2]q: add it, or name another", "不存在%[1]s %[2]q：请添加，或改填其他"},

	DanglingAuto:    {"there is no %s %q: the document lists none and leaves them to the box; list those that you name", "不存在%s %q：文档没有列出它们（由设备自动生成）；要引用，请先列出"},
	DuplicateNumber: {"%s is the number of %s already: give one of them another", "号码 %s 已用于 %s：请为其中一个换一个号码"},
	DuplicateName:   {"%q is that of %s already: give one of them another, or take it away", "%q 已用于 %s：请为其中一个换一个，或删除"},
	DuplicatePort:   {"port %d belongs to %s already: a port has one use", "端口 %d 已用于 %s：一个端口只能有一种用途"},
	Repeated:        {"%q stands in the list already: take it away", "%q 在列表中重复：请删除"},
	IsEmergency:     {"%s calls the emergency services: choose another number", "%s 是紧急电话号码：请换一个号码"},
	BadParking:      {"%s to %s is no range of places: give both the same number of digits, the last after the first, %d places at most", "%s 到 %s 不是有效的驻留区间：两者位数相同，末位不小于首位，最多 %d 个"},
	InParking:       {"the place %s is the number of %s already: choose another range", "驻留位 %s 的号码已用于 %s：请换一个区间"},
	TakesOwn:        {"%s would also take %s, which is %s: put a prefix such as 9 in front of numbers outside, and strip it", "模式 %s 也会匹配 %s（已用于 %s）：请为外线号码加前缀（例如 9），并用 strip 去掉"},
	PatternShadowed: {"never reached: %s takes all these numbers first; put this above it, or take it away", "永远不会用到：%s 会先匹配这些号码；请移到它前面，或删除"},
	EmergencyRoute:  {"%s calls the emergency services: set emergency on a route of its own, so that it always gets through", "%s 是紧急电话号码：请单独建一条路由并设置 emergency，以保证任何时候都能拨通"},
	StripTooMuch:    {"takes away %d digits, but numbers of %s may have only %d", "要去掉 %d 位，但模式 %s 的号码可能只有 %d 位"},
	CodeClash:       {"%s can't be told from %s of %s: choose codes of which none begins like another", "%s 与 %[3]s 的 %[2]s 无法区分：任何功能码都不能以另一个开头"},
	WrongUse:        {"port %d is for %q by %s: change one of them", "端口 %d 的用途为 %q（见 %s）：请修改其中之一"},
	PBXWithoutLine:  {"port %d is the end of another PBX's line, but it isn't among lines: add it there", "端口 %d 接其他交换机的线路，但 lines 中没有它：请在 lines 中添加"},
	OnePhone:        {"an extension has exactly one of port, sip and browser (true)", "分机必须且只能有 port、sip、browser（true）中的一个"},
	OneTrunk:        {"a trunk has exactly one of register and peer", "中继必须且只能有 register、peer 中的一个"},
	SRTPNeedsTLS:    {"with srtp the transport must be tls: else its key would travel in the open", "启用 srtp 时 transport 必须为 tls：否则密钥会明文传输"},
	RouteShadowed:   {"never reached: %s takes all its calls first; put this above it, or take it away", "永远不会用到：%s 会先接走这些来电；请移到它前面，或删除"},
	UnroutedLine:    {"no inbound route takes the calls of %s: add one, if only to busy", "没有呼入路由处理 %s 的来电：请添加一条，哪怕去向是 busy"},
	EmptyGroup:      {"no line is in the group %q: put some into it, or name another way", "外线组 %q 中没有外线：请加入外线，或改用其他出路"},
	EmptyHours:      {"from %s to %s is no time at all: use 00:00 to 24:00 for the whole day", "%s 到 %s 没有时间：全天请用 00:00 到 24:00"},
	DaysBackwards:   {"%s is before %s: the last day comes after the first", "%s 早于 %s：最后一天应在第一天之后"},
	DayTwice:        {"%s has this day already: take one of them away", "%s 已包含这一天：请删除其中一个"},
	NoKeys:          {"a menu without a key: give keys, or directDial", "菜单没有任何按键：请填写 keys，或启用 directDial"},
	KeyTwice:        {"key %s stands in keys too: it can do one thing", "按键 %s 在 keys 中也有：一个按键只能有一个作用"},
	NoSound:         {"a prompt without text or files: give one of them", "语音既没有 text 也没有 files：请填写其中之一"},
	NoticeUnused:    {"the notice is never played while announce is false: take one of them away", "announce 为 false 时不会播放此提示：请删除其中之一"},
	NobodyCan:       {"no agent has the skill %q: give it to one, or take it away here", "没有座席具有技能 %q：请为座席添加，或在此删除"},
	NoRoute:         {"no outbound route has a pattern for %s: write it as a telephone here would dial it, with the prefix for outside, or add a route", "没有呼出路由匹配 %s：请按本机话机的拨法填写（包括外线前缀），或添加路由"},
	NoWayOut:        {"nobody can be called back: outbound has no route for other than emergency calls", "无法回拨：outbound 中除紧急号码外没有其他路由"},
	Loop:            {"callers would go round and round without anything happening: %s; lead one of these elsewhere", "来电会无休止地循环，期间什么也不会发生：%s；请改变其中一个的去向"},
	NoExit:          {"callers never get out of %s: every way from there leads back to it; lead one of them elsewhere", "来电永远无法离开 %s：所有去向最终都会回到这里；请改变其中一个的去向"},
	Unreachable:     {"no call ever comes to %s: let a route, a key or another destination lead there, or take it away", "没有来电会到达 %s：请让路由、按键或其他去向指向它，或删除"},

	Unplugged:       {"%[1]s %[2]s: there is no %[3]s port %[4]d", "%[1]s %[2]s：没有 %[4]d 号%[3]s端口"},
	NobodyServes:    {"nobody takes calls of the queue %s: give it to agents, or give it members", "队列 %s 没有人接听：请分配给座席，或添加成员"},
	NoQueue:         {"the agent %s is in no queue: give the agent queues, or a skill that a queue asks for", "座席 %s 不在任何队列中：请分配队列，或添加队列要求的技能"},
	NoPIN:           {"anybody can log in as %s: give a PIN", "任何人都可以用工号 %s 签入：请设置密码"},
	SimplePIN:       {"anybody would try this PIN first: choose another", "此密码太容易猜到：请换一个"},
	NoEmergency:     {"there is neither a line nor a trunk: emergency calls can't be made from here", "没有外线也没有中继：无法拨打紧急电话"},
	SlowToDial:      {"%[1]s begins with %[2]s: whoever dials %[2]s on an analog telephone waits some seconds; choose numbers of which none begins with another", "%[1]s 以 %[2]s 开头：用模拟话机拨 %[2]s 时要等几秒；请避免一个号码以另一个号码开头"},
	PromptOneTongue: {"says nothing in %s: callers in that language hear it in another", "没有 %s 的内容：使用该语言的来电者会听到其他语言"},
	DIDNeverComes:   {"analog lines don't tell which number was dialled, and no line has a number like this: give lines[].number, or take the condition away", "模拟外线不提供被叫号码，且没有外线填写了这样的号码：请填写 lines[].number，或删除此条件"},
}

// word is a word of a message that differs by language.
type word struct{ en, zh string }

func (w word) in(language string) string {
	if language == "zh-CN" {
		return w.zh
	}
	return w.en
}

// thingWords are the kinds of things in words.
var thingWords = map[string]word{
	"extension": {"extension", "分机"}, "queue": {"queue", "队列"}, "agent": {"agent", "座席"}, "class": {"class", "权限等级"},
	"lineGroup": {"line group", "外线组"}, "way": {"line, line group or trunk", "外线、外线组或中继"}, "schedule": {"schedule", "时间表"},
	"calendar": {"calendar", "日历"}, "ivr": {"IVR", "语音菜单"}, "announcement": {"announcement", "公告"}, "group": {"ring group", "振铃组"},
	"mailbox": {"mailbox", "语音信箱"}, "conference": {"conference", "会议室"}, "music": {"music", "音乐"}, "prompt": {"prompt", "语音"},
}

// thing is a kind of thing in words.
func thing(kind string) word { return thingWords[kind] }

// Codes are all the codes, sorted.
func Codes() []Code { return slices.Sorted(maps.Keys(messages)) }
