"""Gateways with every classical weakness: what an attack can do must get through here."""
