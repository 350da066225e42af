"""Sentences that every medium shares: screens, pages, figures and JSON only lay them out."""
