"""Every performance figure that README claims is measured here, beside a peer: `make bench`."""
