package main

import (
	"context"
	"errors"
	"io"

	"switchroom/appliance"
	"switchroom/appliance/panel"
	"switchroom/appliance/supervisor/control"
)

// frontPanel is the service of the panel and the video console.
func frontPanel(c *control.Client) runFunc {
	return func(ctx context.Context, args []string, stdout, stderr io.Writer) error {
		return panel.Main(ctx, args, stdout, stderr, panelBox{c})
	}
}

// panelBox is the supervisor as the panel knows it.
type panelBox struct{ client *control.Client }

func (b panelBox) Status(ctx context.Context) (appliance.Status, error) { return b.client.Status(ctx) }

func (b panelBox) Restart(ctx context.Context, service string) error {
	return inWords(b.client.Do(ctx, control.OpRestart, service))
}

func (b panelBox) Reboot(ctx context.Context) error {
	return inWords(b.client.Do(ctx, control.OpReboot, ""))
}

func (b panelBox) PowerOff(ctx context.Context) error {
	return inWords(b.client.Do(ctx, control.OpPowerOff, ""))
}

// inWords leaves the supervisor's own words of an error.
func inWords(err error) error {
	var refused *control.Error
	if errors.As(err, &refused) {
		return errors.New(refused.Text)
	}
	return err
}
