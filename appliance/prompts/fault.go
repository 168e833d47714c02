package prompts

import "fmt"

// Code says what is wrong with an upload or a text.
type Code string

// Codes of a [Fault].
const (
	BadName      Code = "bad-name"
	BadBuiltIn   Code = "bad-built-in"
	BadLanguage  Code = "bad-language"
	TooLarge     Code = "too-large"
	TooLong      Code = "too-long"
	TooShort     Code = "too-short"
	NotSound     Code = "not-sound"
	Unsupported  Code = "unsupported"
	Truncated    Code = "truncated"
	Damaged      Code = "damaged"
	Silent       Code = "silent"
	TooExpensive Code = "too-expensive"
	Full         Code = "full"
	NoText       Code = "no-text"
	LongText     Code = "long-text"
	NoFile       Code = "no-file"
	InUse        Code = "in-use"
)

// messages are English and Chinese; they may use the fault's Value and Limit by their order.
var messages = map[Code][2]string{
	BadName:      {"%[1]q is not a name for a file: letters, digits, dots, dashes and underscores, at most 100", "%[1]q 不能用作文件名：只能用字母、数字、点、横线和下划线，最多 100 个字符"},
	BadBuiltIn:   {"there is no built-in prompt %[1]q", "没有名为 %[1]q 的内置语音"},
	BadLanguage:  {"%[1]q is not a language of the box: en or zh-CN", "%[1]q 不是本机支持的语言：en 或 zh-CN"},
	TooLarge:     {"the file is larger than %[2]s", "文件超过 %[2]s"},
	TooLong:      {"the recording is longer than %[2]s", "录音超过 %[2]s"},
	TooShort:     {"the recording is shorter than %[2]s", "录音不足 %[2]s"},
	NotSound:     {"the file is neither WAV nor MP3", "文件既不是 WAV 也不是 MP3"},
	Unsupported:  {"this form of WAV is not supported (%[1]s): save it as PCM with 16 bits", "不支持这种 WAV 格式（%[1]s）：请另存为 16 位 PCM"},
	Truncated:    {"the file ends in the middle: upload it again", "文件不完整：请重新上传"},
	Damaged:      {"the file is damaged: it can't be decoded", "文件已损坏：无法解码"},
	Silent:       {"nothing can be heard in the recording", "录音中没有声音"},
	TooExpensive: {"converting the file takes too long", "转换文件所需时间过长"},
	Full:         {"there is no room for more prompts: all may have %[2]s", "语音存储空间已满：总共最多 %[2]s"},
	NoText:       {"there is nothing to say in the text", "文本中没有可以朗读的内容"},
	LongText:     {"the text has more than %[2]s characters", "文本超过 %[2]s 个字符"},
	NoFile:       {"there is no uploaded file %[1]q", "没有名为 %[1]q 的上传文件"},
	InUse:        {"the file %[1]q is in use", "文件 %[1]q 正在使用"},
}

// Fault is what is wrong with an upload or a text, for the person it came from.
type Fault struct {
	Code  Code   `json:"code"`
	Value string `json:"value,omitempty"` // what is wrong: a name, a form
	Limit string `json:"limit,omitempty"` // what is allowed: "32 MB", "600 s"
}

// Text is the fault in words, in "zh-CN" or else in English.
func (f *Fault) Text(language string) string {
	m, ok := messages[f.Code]
	if !ok {
		return string(f.Code)
	}
	text := m[0]
	if language == "zh-CN" {
		text = m[1]
	}
	// Both arguments are given always; a format that needs fewer must not complain.
	return fmt.Sprintf(text+"%[3]s", f.Value, f.Limit, "")
}

// Error is the fault in English.
func (f *Fault) Error() string { return f.Text("en") }
