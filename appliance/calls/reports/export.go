package reports

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
)

// Safe makes a text safe to open in a spreadsheet, which takes one that begins
// with certain signs for a formula. Telephone numbers are left as they are.
func Safe(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return s
	}
	if s[0] == '+' && strings.Trim(s[1:], "0123456789*") == "" {
		return s
	}
	return "'" + s
}

// plain writes a value as CSV has it: seconds and other figures with at most
// three digits behind the point, nothing where it is not defined.
func plain(v Value) string {
	if v == nil {
		return ""
	}
	s := strconv.FormatFloat(*v, 'f', 3, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// words of the exports.
var (
	periodWord  = Text{"Period", "时段"}
	figureWord  = Text{"Figure", "指标"}
	formulaWord = Text{"Formula", "计算公式"}
	secondsWord = Text{" (s)", "(秒)"}
)

// CSV writes the table, and behind an empty line the formula of each figure, as
// UTF-8 with the mark that spreadsheets know it by.
func (r Report) CSV(w io.Writer, language string) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	c := csv.NewWriter(w)
	head := []string{periodWord.In(language), r.Subject.In(language)}
	for _, col := range r.Columns {
		t := col.Title.In(language)
		if col.Unit == Seconds {
			t += secondsWord.In(language)
		}
		head = append(head, Safe(t))
	}
	_ = c.Write(head) // Error says it
	for _, row := range r.Rows {
		rec := []string{row.Period, Safe(row.Subject)}
		for _, v := range row.Values {
			rec = append(rec, plain(v))
		}
		_ = c.Write(rec)
	}
	_ = c.Write([]string{""})
	_ = c.Write([]string{figureWord.In(language), formulaWord.In(language)})
	for _, col := range r.Columns {
		_ = c.Write([]string{Safe(col.Title.In(language)), Safe(col.Formula.In(language))})
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("writing a report as CSV: %w", err)
	}
	return nil
}

// XLSX writes the table as a sheet, and the formulas as another.
func (r Report) XLSX(w io.Writer, language string) (err error) {
	f := excelize.NewFile()
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			err = fmt.Errorf("writing a report as XLSX: %w", err)
		}
	}()
	sheet := r.Title.In(language)
	if err := f.SetSheetName("Sheet1", sheet); err != nil {
		return err
	}
	style := func(format string) (int, error) { return f.NewStyle(&excelize.Style{CustomNumFmt: &format}) }
	styles := map[Unit]int{}
	for unit, format := range map[Unit]string{Count: "0", Seconds: "[h]:mm:ss", Ratio: "0.0%", Number: "0.00"} {
		if styles[unit], err = style(format); err != nil {
			return err
		}
	}
	bold, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}, Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"}})
	if err != nil {
		return err
	}
	s, err := f.NewStreamWriter(sheet)
	if err != nil {
		return err
	}
	if err := s.SetColWidth(1, 2, 18); err != nil {
		return err
	}
	if err := s.SetPanes(&excelize.Panes{Freeze: true, XSplit: 2, YSplit: 1, TopLeftCell: "C2", ActivePane: "bottomRight"}); err != nil {
		return err
	}
	head := []any{excelize.Cell{StyleID: bold, Value: periodWord.In(language)}, excelize.Cell{StyleID: bold, Value: r.Subject.In(language)}}
	for _, col := range r.Columns {
		head = append(head, excelize.Cell{StyleID: bold, Value: col.Title.In(language)})
	}
	if err := s.SetRow("A1", head); err != nil {
		return err
	}
	for i, row := range r.Rows {
		cells := []any{row.Period, row.Subject}
		for j, v := range row.Values {
			if v == nil {
				cells = append(cells, nil)
				continue
			}
			n := *v
			if r.Columns[j].Unit == Seconds {
				n /= 86400 // a spreadsheet counts time in days
			}
			cells = append(cells, excelize.Cell{StyleID: styles[r.Columns[j].Unit], Value: n})
		}
		if err := s.SetRow("A"+strconv.Itoa(i+2), cells); err != nil {
			return err
		}
	}
	if err := s.Flush(); err != nil {
		return err
	}
	second := formulaWord.In(language)
	if _, err := f.NewSheet(second); err != nil {
		return err
	}
	rows := [][]any{{figureWord.In(language), formulaWord.In(language)}}
	for _, col := range r.Columns {
		rows = append(rows, []any{col.Title.In(language), col.Formula.In(language)})
	}
	for i, row := range rows {
		if err := f.SetSheetRow(second, "A"+strconv.Itoa(i+1), &row); err != nil {
			return err
		}
	}
	if err := f.SetColWidth(second, "A", "A", 28); err != nil {
		return err
	}
	if err := f.SetColWidth(second, "B", "B", 100); err != nil {
		return err
	}
	_, err = f.WriteTo(w)
	return err
}

// local writes a time by the site's clocks.
func local(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(zone).Format("2006-01-02 15:04:05")
}
