"""The guided tour: a scripted conversation that goes through a real engine, in a home of its own that is gone afterwards."""
