package fault

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"
)

func TestTexts(t *testing.T) {
	for code, text := range texts {
		if strings.Count(text[0], "%s") != strings.Count(text[1], "%s") || strings.Count(text[0], "%") > 1 {
			t.Errorf("%s: the languages name different things", code)
		}
		if !strings.ContainsFunc(text[1], func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			t.Errorf("%s has no Chinese", code)
		}
		e := New(code, "7")
		if strings.Contains(e.Text("zh-CN")+e.Text("en"), "%") {
			t.Errorf("%s: %s", code, e)
		}
	}
	if got := New(SeatUnknown, "1009").Text("zh-CN"); got != "没有分机 1009。" {
		t.Error(got)
	}
}

func TestOf(t *testing.T) {
	cause := errors.New("x")
	if e := Of(cause); e.Code != Internal || !errors.Is(e, cause) {
		t.Error(e)
	}
	if e := Of(fmt.Errorf("wrapped: %w", New(Down))); e.Code != Down {
		t.Error(e)
	}
}
