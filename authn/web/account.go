package web

// accountPages are what people see of their own account.
func (p *Pages) accountPages() []page {
	return []page{
		{path: accountPath, who: signedIn, name: "account", menu: accountMenu},
	}
}
