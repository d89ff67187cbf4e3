"""What people do beyond watching, one file per kind of act: each turns impressions and visits into actions."""
