"""Every performance figure in docs/evidence.md is measured here, beside a peer: `make bench`."""
