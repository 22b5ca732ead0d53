package browsertest

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

// Download follows the link of this name, which leads to a file, and returns what is in it and what it is called.
func (tab *Tab) Download(t testing.TB, name string) (content []byte, file string) {
	t.Helper()
	folder := t.TempDir()
	tab.Do(t, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.CallBrowser(ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
			Behavior: browser.SetDownloadBehaviorBehaviorAllow, BrowserContextID: chromedp.FromContext(ctx).BrowserContextID, DownloadPath: folder,
		})
		return err
	}))
	tab.Click(t, name)
	deadline, tick := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		// While it comes the file has another name.
		if found, err := filepath.Glob(filepath.Join(folder, "*")); err == nil && len(found) == 1 && filepath.Ext(found[0]) != ".crdownload" {
			content, err := os.ReadFile(found[0])
			if err != nil {
				t.Fatal(err)
			}
			return content, filepath.Base(found[0])
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("no file comes by %q; the page says\n%s", name, tab.Text(t))
		}
	}
}
