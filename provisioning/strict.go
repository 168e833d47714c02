package provisioning

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// decodeStrict reads one JSON value into out, which points to a struct made
// of structs, slices, strings and ints with json tags. encoding/json forgives
// too much for a document that a person wrote: it takes "Number" for
// "number", keeps the last of two equal keys, and names an unknown field
// without saying where it stands. Here each of these is an error that begins
// with the path of the place, such as queues[0].members.
func decodeStrict(data []byte, out any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := decodeValue(dec, "", reflect.ValueOf(out).Elem()); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("something follows the document at byte %d", dec.InputOffset())
	}
	return nil
}

// decodeValue reads the next value of dec into v; path says where it stands.
func decodeValue(dec *json.Decoder, path string, v reflect.Value) error {
	tok, err := dec.Token()
	if err != nil {
		return at(path, fmt.Errorf("reading JSON: %w", noEOF(err)))
	}
	switch v.Kind() {
	case reflect.Struct:
		if tok != json.Delim('{') {
			return at(path, fmt.Errorf("want an object, not %s", describe(tok)))
		}
		return decodeStruct(dec, path, v)
	case reflect.Slice:
		if tok != json.Delim('[') {
			return at(path, fmt.Errorf("want a list, not %s", describe(tok)))
		}
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		for i := 0; dec.More(); i++ {
			item := reflect.New(v.Type().Elem()).Elem()
			if err := decodeValue(dec, path+"["+strconv.Itoa(i)+"]", item); err != nil {
				return err
			}
			v.Set(reflect.Append(v, item))
		}
		_, err := dec.Token()
		return at(path, noEOF(err))
	case reflect.String:
		s, ok := tok.(string)
		if !ok {
			return at(path, fmt.Errorf("want a string, not %s", describe(tok)))
		}
		v.SetString(s)
		return nil
	case reflect.Int:
		n, ok := tok.(json.Number)
		if !ok {
			return at(path, fmt.Errorf("want a whole number, not %s", describe(tok)))
		}
		i, err := strconv.ParseInt(n.String(), 10, 32)
		if err != nil {
			return at(path, fmt.Errorf("want a whole number, not %s", n))
		}
		v.SetInt(i)
		return nil
	}
	return at(path, fmt.Errorf("the document's type %s can't be read", v.Type()))
}

// decodeStruct reads the members of an object whose brace has been read.
func decodeStruct(dec *json.Decoder, path string, v reflect.Value) error {
	fields := map[string]int{}
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Slice {
			f.Set(reflect.MakeSlice(f.Type(), 0, 0)) // a list that is not given is empty
		}
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		fields[name] = i
	}
	seen := map[string]bool{}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return at(path, fmt.Errorf("reading JSON: %w", noEOF(err)))
		}
		name := tok.(string) // the decoder lets nothing else be a key
		here := strings.TrimPrefix(path+"."+name, ".")
		i, ok := fields[name]
		if !ok {
			known := make([]string, 0, len(fields))
			for k := range fields {
				known = append(known, k)
			}
			sort.Strings(known)
			return at(here, fmt.Errorf("unknown field; known here: %s", strings.Join(known, ", ")))
		}
		if seen[name] {
			return at(here, fmt.Errorf("given twice"))
		}
		seen[name] = true
		if err := decodeValue(dec, here, v.Field(i)); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return at(path, noEOF(err))
}

// at puts the path in front of an error; nil stays nil.
func at(path string, err error) error {
	if err == nil || path == "" {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// noEOF calls the end of a document that is not complete by its name.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// describe names a token in words a person who wrote the document knows.
func describe(tok json.Token) string {
	switch t := tok.(type) {
	case json.Delim:
		if t == '{' {
			return "an object"
		}
		return "a list"
	case string:
		return strconv.Quote(t)
	case nil:
		return "null"
	}
	return fmt.Sprint(tok)
}
