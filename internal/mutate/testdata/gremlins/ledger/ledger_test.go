package ledger

import "testing"

func TestProrate(t *testing.T) {
	for _, tt := range []struct{ amount, used, period, want int }{{2900, 15, 30, 1450}, {2900, 0, 30, 2900}, {2900, 30, 30, 0}} {
		if got, err := Prorate(tt.amount, tt.used, tt.period); err != nil || got != tt.want {
			t.Errorf("%+v: %d, %v", tt, got, err)
		}
	}
	if _, err := Prorate(2900, 31, 30); err == nil {
		t.Error("more was used than there is")
	}
	if _, err := Prorate(2900, -1, 30); err == nil {
		t.Error("less than nothing was used")
	}
}

func TestInterest(t *testing.T) {
	if got := Interest(10000, 2, 10); got != 10020 {
		t.Errorf("got %d", got)
	}
}

func TestRefund(t *testing.T) {
	if Refund(500) != -500 {
		t.Error("not given back")
	}
}

func TestFee(t *testing.T) {
	if Fee(10) != 25 || Fee(5000) != 0 {
		t.Error("wrong fee")
	}
}

func TestBalance(t *testing.T) {
	sum, taken := Balance([]int{5, -3, 4})
	if sum != 6 || taken != 1 {
		t.Errorf("%d, %d", sum, taken)
	}
}
