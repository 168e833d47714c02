package control

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
)

// attach turns a connection into a port's live audio.
func attach(conn io.ReadWriter, port int) (io.Reader, error) {
	if _, err := fmt.Fprintf(conn, `{"id":1,"do":"attach","port":%d}`+"\n", port); err != nil {
		return nil, err
	}
	in := bufio.NewReader(conn)
	line, err := readLine(in)
	if err != nil {
		return nil, err
	}
	var r reply
	if err := json.Unmarshal(line, &r); err != nil {
		return nil, err
	}
	if r.Error != nil {
		return nil, r.Error
	}
	return in, nil
}
